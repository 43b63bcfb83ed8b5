// SPDX-License-Identifier: GPL-2.0-only
#include "core/number.h"

#include <gtest/gtest.h>

#include <string>

namespace iommulab::number_test {
namespace {

TEST(number, is_decimal_or_behind_0x_hexadecimal) {
  EXPECT_EQ(parse_number("0"), 0u);
  EXPECT_EQ(parse_number("123"), 123u);
  EXPECT_EQ(parse_number("0x7b"), 123u);
  EXPECT_EQ(parse_number("0xFF"), 255u);
  EXPECT_EQ(parse_number("010"), 10u) << "no octal";
  EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_number("0xffffffffffffffff"), UINT64_MAX);
}

TEST(number, is_the_whole_text) {
  for (const char* text :
       {"", "0x", "-1", "+1", " 1", "1 ", "12a", "0xg", "0x-1", "x", "1.5", "0x0x1"}) {
    EXPECT_EQ(read_number(text).fault, number_fault::not_a_number) << text;
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(number, fits_64_bits) {
  for (const char* text :
       {"18446744073709551616", "0x10000000000000000", "99999999999999999999999"}) {
    EXPECT_EQ(read_number(text).fault, number_fault::too_large) << text;
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
  EXPECT_EQ(read_number("99999999999999999999999x").fault, number_fault::not_a_number);
  EXPECT_EQ(name(number_fault::too_large), "does not fit 64 bits");
  EXPECT_EQ(name(number_fault::not_a_number), "not a number");
}

TEST(number, may_be_hexadecimal_without_a_mark) {
  EXPECT_EQ(read_hex("f80").value, 0xf80u);
  EXPECT_EQ(read_hex("0xf80").value, 0xf80u);
  EXPECT_EQ(read_hex("").fault, number_fault::not_a_number);
  EXPECT_EQ(read_hex("0x").fault, number_fault::not_a_number);
  EXPECT_EQ(read_hex("10000000000000000").fault, number_fault::too_large);
  EXPECT_EQ(parse_hex("f80"), 0xf80u);
  EXPECT_EQ(parse_hex("0xf80"), std::nullopt);
}

}  // namespace
}  // namespace iommulab::number_test
