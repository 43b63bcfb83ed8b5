// SPDX-License-Identifier: GPL-2.0-only
#include "platform/firmware/byte_cursor.h"

#include <limits>

#include "gtest/gtest.h"

namespace iommulab::byte_cursor_test {
namespace {

constexpr uint8_t bytes[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x80};
constexpr std::size_t far_away = std::numeric_limits<std::size_t>::max();

TEST(byte_cursor, reads_little_endian_at_any_alignment) {
  const byte_cursor cursor{bytes};
  EXPECT_EQ(cursor.u8(8), 0x80);
  EXPECT_EQ(cursor.u16(1), 0x4523);
  EXPECT_EQ(cursor.u32(3), 0xcdab8967U);
  EXPECT_EQ(cursor.u64(1), 0x80efcdab89674523U);
}

TEST(byte_cursor, yields_nothing_when_one_byte_of_a_value_lies_outside) {
  const byte_cursor cursor{bytes};
  EXPECT_EQ(cursor.u8(9), std::nullopt);
  EXPECT_EQ(cursor.u16(8), std::nullopt);
  EXPECT_EQ(cursor.u32(6), std::nullopt);
  EXPECT_EQ(cursor.u64(2), std::nullopt);
  EXPECT_EQ(byte_cursor().u8(0), std::nullopt);
}

TEST(byte_cursor, does_not_wrap_around_with_huge_offsets_and_lengths) {
  const byte_cursor cursor{bytes};
  EXPECT_EQ(cursor.u16(far_away), std::nullopt);
  EXPECT_EQ(cursor.u64(far_away - 3), std::nullopt);
  EXPECT_FALSE(cursor.sub(far_away, 2).has_value());
  EXPECT_FALSE(cursor.sub(2, far_away).has_value());
  EXPECT_EQ(cursor.remaining(far_away), 0U);
  EXPECT_EQ(cursor.from(far_away).size(), 0U);
}

TEST(byte_cursor, a_part_of_a_part_knows_its_place_in_the_whole) {
  const byte_cursor cursor(bytes, 100);
  const auto part = cursor.sub(2, 6);
  ASSERT_TRUE(part.has_value());
  EXPECT_EQ(part->origin(), 102U);
  EXPECT_EQ(part->from(3).origin(), 105U);
  EXPECT_EQ(part->from(3).u8(0), 0xab);
  EXPECT_EQ(part->u8(6), std::nullopt);  // There in the whole, not in the part.
  EXPECT_EQ(part->remaining(4), 2U);
}

TEST(byte_cursor, a_part_may_be_empty_and_end_at_the_end) {
  const byte_cursor cursor{bytes};
  ASSERT_TRUE(cursor.sub(9, 0).has_value());
  EXPECT_EQ(cursor.sub(9, 0)->size(), 0U);
  EXPECT_FALSE(cursor.sub(9, 1).has_value());
  EXPECT_FALSE(cursor.sub(10, 0).has_value());
}

TEST(byte_cursor, reads_a_described_field) {
  constexpr le_field<uint16_t> field{3, "field"};
  EXPECT_EQ(byte_cursor(bytes).read(field), 0x8967);
  EXPECT_EQ(field.end(), 5U);
}

}  // namespace
}  // namespace iommulab::byte_cursor_test
