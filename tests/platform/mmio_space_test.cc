// SPDX-License-Identifier: GPL-2.0-only
#include "platform/mmio_space.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

namespace iommulab::mmio_space_test {
namespace {

/// Every register reads what was given.
class registers final : public mmio_region {
 public:
  registers(uint64_t size, uint32_t value) : size_(size), value_(value) {}

  [[nodiscard]] uint64_t size() const override { return size_; }
  uint32_t read32(uint64_t) override { return value_; }
  uint64_t read64(uint64_t) override { return value_; }
  void write32(uint64_t, uint32_t) override {}
  void write64(uint64_t, uint64_t) override {}

 private:
  uint64_t size_;
  uint32_t value_;
};

TEST(mmio_space, a_window_shows_the_device_that_lies_at_its_first_byte) {
  registers upper(0x1000, 2);
  registers lower(0x1000, 1);
  mmio_space space(0xee);
  ASSERT_TRUE(space.attach(phys_addr(0x8000), "upper", upper).ok());
  ASSERT_TRUE(space.attach(phys_addr(0x4000), "lower", lower).ok());
  const auto read = [&](uint64_t address) { return space.map(phys_addr(address), 8)->read32(0); };
  EXPECT_EQ(read(0x3ffc), 0xeeeeeeee);
  EXPECT_EQ(read(0x4000), 1u);
  EXPECT_EQ(read(0x4ffc), 1u);
  EXPECT_EQ(read(0x5000), 0xeeeeeeee);
  EXPECT_EQ(read(0x8000), 2u);
  EXPECT_EQ(read(0x9000), 0xeeeeeeee);
  EXPECT_EQ(space.map(phys_addr(0x8ff8), 8)->device_name(), "upper");
}

TEST(mmio_space, devices_do_not_overlap_and_the_first_to_come_is_named) {
  registers small(0x1000, 1);
  registers large(0x10000, 2);
  mmio_space space;
  ASSERT_TRUE(space.attach(phys_addr(0x8000), "first", small).ok());
  ASSERT_TRUE(space.attach(phys_addr(0x4000), "second", small).ok());
  ASSERT_TRUE(space.attach(phys_addr(0x9000), "beside", small).ok());
  const auto refusal = [&](uint64_t base, mmio_region& device) {
    const absl::Status status = space.attach(phys_addr(base), "new", device);
    EXPECT_EQ(status_errno(status), EBUSY);
    return std::string(status.message());
  };
  const std::string of_first = "the registers of first lie at 0x8000";
  const std::string of_second = "the registers of second lie at 0x4000";
  EXPECT_EQ(refusal(0x1000, large), "new: base address is 0x1000: " + of_first);
  EXPECT_EQ(refusal(0x4000, small), "new: base address is 0x4000: " + of_second);
  EXPECT_EQ(refusal(0x4ffc, small), "new: base address is 0x4ffc: " + of_second);
  EXPECT_EQ(refusal(0x7004, small), "new: base address is 0x7004: " + of_first);
  EXPECT_TRUE(space.attach(phys_addr(0x7000), "between", small).ok());
}

}  // namespace
}  // namespace iommulab::mmio_space_test
