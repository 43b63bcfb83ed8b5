// SPDX-License-Identifier: GPL-2.0-only
#include "platform/memory/physical_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

namespace iommulab::physical_memory_test {
namespace {

using kind = memory_range::kind;
constexpr uint64_t gib = uint64_t{1} << 30;

std::vector<memory_range> two_ranges() {
  return {{phys_addr(4 * gib), gib, kind::ram}, {phys_addr(0), 0x9fc00, kind::ram}};
}

TEST(physical_memory, sorts_its_ranges_and_keeps_bytes_apart) {
  const auto memory = physical_memory::create(two_ranges()).value();
  EXPECT_EQ(memory->ranges()[0].start, phys_addr(0));
  *memory->object_at<uint64_t>(phys_addr(0x1000)) = 0x1122334455667788;
  *memory->object_at<uint64_t>(phys_addr(4 * gib + 0x1000)) = 0x99;
  EXPECT_EQ(*memory->object_at<uint32_t>(phys_addr(0x1004)), 0x11223344u);
}

TEST(physical_memory, refuses_what_is_not_wholly_inside_a_range) {
  const auto memory = physical_memory::create(two_ranges()).value();
  EXPECT_NE(memory->at(phys_addr(0x9fbff), 1), nullptr);
  EXPECT_EQ(memory->at(phys_addr(0x9fbff), 2), nullptr);
  EXPECT_EQ(memory->at(phys_addr(0x9fc00), 1), nullptr);
  EXPECT_EQ(memory->at(phys_addr(gib), 1), nullptr);
  EXPECT_EQ(memory->at(phys_addr(5 * gib - 8), 9), nullptr);
  EXPECT_NE(memory->at(phys_addr(5 * gib - 8), 8), nullptr);
  EXPECT_EQ(memory->at(phys_addr(UINT64_MAX), UINT64_MAX), nullptr);
  EXPECT_EQ(memory->object_at<uint64_t>(phys_addr(0), SIZE_MAX / 4), nullptr);
}

TEST(physical_memory, a_lender_answers_for_what_lies_in_no_range) {
  struct : memory_lender {
    std::byte* at(phys_addr address, uint64_t length) const override {
      return address == phys_addr(gib) && length <= 8 ? bytes : nullptr;
    }
    mutable std::byte bytes[8]{};
  } lender;
  const auto memory = physical_memory::create(two_ranges()).value();
  memory->set_lender(&lender);
  EXPECT_EQ(memory->at(phys_addr(gib), 8), lender.bytes);
  EXPECT_EQ(memory->at(phys_addr(gib), 9), nullptr);
  EXPECT_EQ(memory->at(phys_addr(5 * gib - 8), 9), nullptr) << "a range's own end";
  EXPECT_NE(memory->at(phys_addr(0x1000), 8), lender.bytes);
  memory->set_lender(nullptr);
  EXPECT_EQ(memory->at(phys_addr(gib), 8), nullptr);
}

TEST(physical_memory, joins_ranges_that_touch) {
  const std::vector<memory_range> ranges = {{phys_addr(0), 0x9fc00, kind::ram},
                                            {phys_addr(0x9fc00), 0x400, kind::reserved}};
  const auto memory = physical_memory::create(ranges).value();
  EXPECT_NE(memory->at(phys_addr(0x9fbf0), 0x20), nullptr);
  EXPECT_EQ(memory->at(phys_addr(0x9fff0), 0x20), nullptr);
}

TEST(physical_memory, keeps_two_ranges_in_one_page_apart) {
  const std::vector<memory_range> ranges = {{phys_addr(0x1000), 0x100, kind::ram},
                                            {phys_addr(0x1800), 0x100, kind::ram}};
  const auto memory = physical_memory::create(ranges).value();
  std::byte* low = memory->at(phys_addr(0x1000), 0x100);
  std::byte* high = memory->at(phys_addr(0x1800), 0x100);
  ASSERT_NE(low, nullptr);
  EXPECT_EQ(high - low, 0x800);
  EXPECT_EQ(memory->at(phys_addr(0x1100), 1), nullptr);
}

TEST(physical_memory, finds_the_address_of_its_pointers_only) {
  const auto memory = physical_memory::create(two_ranges()).value();
  EXPECT_EQ(memory->address_of(memory->at(phys_addr(4 * gib + 123), 1)), phys_addr(4 * gib + 123));
  int elsewhere = 0;
  EXPECT_EQ(memory->address_of(&elsewhere), std::nullopt);
}

TEST(physical_memory, names_overlapping_and_impossible_ranges) {
  const std::vector<memory_range> overlap = {{phys_addr(0x1000), 0x2000, kind::ram},
                                             {phys_addr(0x2000), 0x1000, kind::reserved}};
  const absl::Status status = physical_memory::create(overlap).status();
  EXPECT_EQ(status_errno(status), EINVAL);
  EXPECT_EQ(status.message(), "memory range at 0x2000 overlaps the one at 0x1000");
  for (const uint64_t length : {uint64_t{0}, UINT64_MAX, uint64_t{1} << 52}) {
    const std::vector<memory_range> impossible = {{phys_addr(0x1000), length, kind::ram}};
    EXPECT_EQ(status_errno(physical_memory::create(impossible).status()), EINVAL) << length;
  }
}

TEST(physical_memory, costs_only_the_pages_that_are_touched) {
  const std::vector<memory_range> huge = {{phys_addr(0), uint64_t{1} << 43, kind::ram}};
  const auto memory = physical_memory::create(huge);
  ASSERT_TRUE(memory.ok()) << memory.status();
  *memory.value()->object_at<int>(phys_addr((uint64_t{1} << 43) - 4)) = 7;
}

class shared_memory_test : public testing::Test {
 protected:
  shared_memory_test() {
    std::string pattern = testing::TempDir() + "iommulab-memory-XXXXXX";
    const int fd = mkstemp(pattern.data());
    if (fd >= 0) close(fd);
    path_ = pattern;
  }
  void TearDown() override { std::filesystem::remove(path_); }
  std::string path_;
};

TEST_F(shared_memory_test, shows_the_same_bytes_to_everyone_who_maps_the_file) {
  const auto one = physical_memory::create_shared(path_, two_ranges()).value();
  const auto two = physical_memory::create_shared(path_, two_ranges()).value();
  *one->object_at<uint32_t>(phys_addr(4 * gib + 0x10)) = 0xcafe;
  EXPECT_EQ(*two->object_at<uint32_t>(phys_addr(4 * gib + 0x10)), 0xcafeu);
  EXPECT_EQ(std::filesystem::file_size(path_), 5 * gib);
}

TEST_F(shared_memory_test, says_which_file_cannot_be_opened) {
  const auto memory = physical_memory::create_shared(path_ + "/none", two_ranges());
  EXPECT_EQ(status_errno(memory.status()), ENOTDIR);
  EXPECT_NE(memory.status().message().find(path_ + "/none"), std::string::npos);
}

}  // namespace
}  // namespace iommulab::physical_memory_test
