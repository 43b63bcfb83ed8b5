// SPDX-License-Identifier: GPL-2.0-only
#include "lab/transfers/translated_device.h"

#include <gtest/gtest.h>

#include "kernel/catalogue.h"

namespace iommulab {
namespace {

class translated_device_test : public testing::Test {
 protected:
  void SetUp() override {
    auto made = translated_device::create(default_kernel_profile());
    ASSERT_TRUE(made.ok()) << made.status();
    device_ = *std::move(made);
  }
  answer_source source_of(uint64_t frame) { return device_->read(frame).from.decided; }

  std::unique_ptr<translated_device> device_;
};

TEST_F(translated_device_test, reads_what_is_mapped_and_nothing_else) {
  ASSERT_TRUE(device_->map(0x12345, 2));
  EXPECT_EQ(device_->read(0x12345).outcome, dma_outcome::translated);
  EXPECT_EQ(device_->read(0x12346).outcome, dma_outcome::translated);
  EXPECT_EQ(device_->read(0x12344).outcome, dma_outcome::blocked);
  EXPECT_EQ(device_->read(0x12347).outcome, dma_outcome::blocked);
}

// VT-d specification 6.5: what was unmapped stays cached until it is invalidated.
TEST_F(translated_device_test, what_was_unmapped_goes_with_its_invalidation) {
  ASSERT_TRUE(device_->map(0x1000, 1));
  ASSERT_TRUE(device_->map(0x1001, 1));
  EXPECT_EQ(source_of(0x1000), answer_source::tables);
  EXPECT_EQ(source_of(0x1001), answer_source::tables);
  device_->unmap(0x1000, 1);
  EXPECT_EQ(source_of(0x1000), answer_source::iotlb);
  device_->invalidate(0x1000, 1, true);
  EXPECT_EQ(device_->read(0x1000).outcome, dma_outcome::blocked);
  EXPECT_EQ(source_of(0x1001), answer_source::iotlb);
  device_->invalidate_domain();
  EXPECT_EQ(source_of(0x1001), answer_source::tables);
}

// Three pages from an odd one on lie in an aligned eight.
TEST_F(translated_device_test, invalidates_all_pages_of_a_range_that_is_not_aligned) {
  ASSERT_TRUE(device_->map(0x1003, 3));
  for (uint64_t frame = 0x1003; frame < 0x1006; ++frame) device_->read(frame);
  device_->unmap(0x1003, 3);
  device_->invalidate(0x1003, 3, true);
  for (uint64_t frame = 0x1003; frame < 0x1006; ++frame) {
    EXPECT_EQ(device_->read(frame).outcome, dma_outcome::blocked) << frame;
  }
}

TEST_F(translated_device_test, says_when_a_table_went_with_its_pages) {
  constexpr uint64_t pages_of_a_table = 512;
  ASSERT_TRUE(device_->map(0x1000, pages_of_a_table));
  ASSERT_TRUE(device_->map(0x1200, 1));
  EXPECT_FALSE(device_->unmap(0x1200, 1));
  EXPECT_TRUE(device_->unmap(0x1000, pages_of_a_table));
}

}  // namespace
}  // namespace iommulab
