// SPDX-License-Identifier: GPL-2.0-only
#include "core/bit_field.h"

#include <gtest/gtest.h>

namespace iommulab {
namespace {

TEST(bit_field, gets_sets_and_masks_at_both_ends_of_a_word) {
  constexpr field64 whole{63, 0};
  EXPECT_EQ(whole.mask(), ~uint64_t{0});
  EXPECT_EQ(whole.max(), ~uint64_t{0});
  constexpr field64 top{63, 60};
  EXPECT_EQ(top.mask(), 0xf000000000000000u);
  EXPECT_EQ(top.set(0x1234, 0x1f), 0xf000000000001234u) << "what does not fit is dropped";
  EXPECT_EQ(top.get(0x7000000000000000), 7u);
  constexpr field32 low{0};
  EXPECT_EQ(low.mask(), 1u);
  EXPECT_TRUE(low.test(5));
  EXPECT_FALSE(low.test(4));
  constexpr field16 middle{12, 9};
  EXPECT_EQ(middle.mask(), 0x1e00u);
  EXPECT_EQ(middle.get(0xf3ff), 9u);
  EXPECT_EQ(middle.clear(0xffff), 0xe1ffu);
  EXPECT_EQ(middle.set(0xffff, 0), 0xe1ffu);
  constexpr field8 highest{7};
  EXPECT_EQ(mask_of(highest, field8{3, 0}), 0x8fu);
}

}  // namespace
}  // namespace iommulab
