// SPDX-License-Identifier: GPL-2.0-only
#include "core/enum_names.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace iommulab {
namespace {

enum class fruit : uint8_t { apple, pear, plum };
enum class code : uint16_t { low = 1, middle = 5, high = 40 };

using row = enum_name<fruit>;

static_assert(has_row_of_each(
    std::to_array<row>({{fruit::apple, "apple"}, {fruit::pear, "pear"}, {fruit::plum, "plum"}}),
    &row::value));
static_assert(!has_row_of_each(std::to_array<row>({{fruit::apple, "apple"}, {fruit::pear, "pear"}}),
                               &row::value),
              "the last one has no row");
static_assert(!has_row_of_each(std::to_array<row>({{fruit::apple, "apple"}, {fruit::plum, "plum"}}),
                               &row::value),
              "one in the middle has none");
static_assert(!has_row_of_each(std::to_array<row>({{fruit::pear, "pear"},
                                                   {fruit::apple, "apple"},
                                                   {fruit::plum, "plum"}}),
                               &row::value),
              "out of order");
static_assert(!has_row_of_each(std::to_array<row>({{fruit::apple, "apple"},
                                                   {fruit::pear, "pear"},
                                                   {fruit::pear, "pear"},
                                                   {fruit::plum, "plum"}}),
                               &row::value),
              "one twice");

TEST(enum_names, give_the_text_of_each_value) {
  constexpr auto names =
      enum_names<fruit>({{fruit::apple, "apple"}, {fruit::pear, "pear"}, {fruit::plum, "plum"}});
  EXPECT_EQ(names(fruit::apple), "apple");
  EXPECT_EQ(names(fruit::pear), "pear");
  EXPECT_EQ(names(fruit::plum), "plum");
}

TEST(enum_names, may_have_gaps_between_their_values) {
  constexpr auto names =
      enum_names<code>({{code::low, "low"}, {code::middle, "middle"}, {code::high, "high"}});
  EXPECT_EQ(names(code::low), "low");
  EXPECT_EQ(names(code::middle), "middle");
  EXPECT_EQ(names(code::high), "high");
}

TEST(enum_names, know_a_value_that_is_none) {
  constexpr auto names =
      enum_names<code>({{code::low, "low"}, {code::middle, "middle"}, {code::high, "high"}});
  for (const int value : {0, 2, 39, 41, 0xffff}) {
    EXPECT_EQ(names.find(static_cast<code>(value)), std::nullopt) << value;
    EXPECT_EQ(names(static_cast<code>(value)), "unknown") << value;
  }
}

}  // namespace
}  // namespace iommulab
