// SPDX-License-Identifier: GPL-2.0-only
#include "lab/sources/table/source_text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace iommulab::source_text_test {
namespace {

TEST(code_of_a_source, keeps_places_and_drops_what_is_no_code) {
  EXPECT_EQ(code_of("f(); // }"), "f();     ");
  EXPECT_EQ(code_of("/* {\n { */ g"), "    \n      g");
  EXPECT_EQ(code_of(R"(a("{\"}", '{', '\'', 1'000'000);)"), R"(a("    ", ' ', '  ', 1'000'000);)");
  EXPECT_EQ(code_of("x = R\"t({\")\" })t\";"), "x = R\"" + std::string(10, ' ') + "\";");
}

TEST(code_of_a_source, has_no_preprocessor_lines) {
  EXPECT_EQ(code_of("  #define F(x) { \\\n  {\nint a;"), std::string(18, ' ') + "\n   \nint a;");
  EXPECT_EQ(code_of("a # b"), "a # b") << "not at the head of its line";
}

TEST(code_of_a_source, ends_with_what_is_never_closed) {
  for (const char* text : {"\"", "'", "/*", "R\"x(", "R\"", "\"\\", "#", "//"}) {
    EXPECT_EQ(code_of(text).size(), std::string_view(text).size()) << text;
  }
}

TEST(lines_of_a_source, are_counted_from_1) {
  const source_lines lines("one\n\nthree\nfour");
  EXPECT_EQ(lines.number_of(0), 1u);
  EXPECT_EQ(lines.number_of(3), 1u) << "the end of a line belongs to it";
  EXPECT_EQ(lines.number_of(4), 2u);
  EXPECT_EQ(lines.number_of(5), 3u);
  EXPECT_EQ(lines.line(2), "");
  EXPECT_EQ(lines.line(4), "four");
  EXPECT_EQ(lines.lines(1, 3), "one\n\nthree");
}

}  // namespace
}  // namespace iommulab::source_text_test
