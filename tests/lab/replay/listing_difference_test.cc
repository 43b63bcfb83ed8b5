// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/listing_difference.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace iommulab::verify::listing_difference_test {
namespace {

/// Lines of a file, the first of which stands in line `first`.
numbered_lines listing(const std::vector<std::string>& texts, size_t first = 1) {
  numbered_lines lines;
  for (const std::string& text : texts) lines.push_back({first + lines.size(), text});
  return lines;
}

TEST(listing_difference, of_equal_listings_is_empty_wherever_their_lines_stand) {
  EXPECT_TRUE(listing_difference(listing({"a", "b"}, 7), listing({"a", "b"})).empty());
  EXPECT_TRUE(listing_difference({}, {}).empty());
}

// As `diff -u -p` of the two: one line is another, and nothing is shifted.
TEST(listing_difference, a_renamed_call_is_one_line_with_the_call_around_it) {
  const numbered_lines captured =
      listing({"init_dmars() {", "  first();", "  second();", "  third();", "  alloc();",
               "  fourth();", "  fifth();", "}"},
              40);
  numbered_lines ours = listing({"init_dmars() {", "  first();", "  second();", "  third();",
                                 "  alloc_page();", "  fourth();", "  fifth();", "}"});
  EXPECT_EQ(hunks_to_text(listing_difference(captured, ours), "fgraph-boot.txt", "this run"),
            "--- fgraph-boot.txt\n"
            "+++ this run\n"
            "@@ -41,7 +2,7 @@ init_dmars()\n"
            "   first();\n"
            "   second();\n"
            "   third();\n"
            "-  alloc();\n"
            "+  alloc_page();\n"
            "   fourth();\n"
            "   fifth();\n"
            " }\n");
}

TEST(listing_difference, changes_far_apart_are_hunks_of_their_own) {
  std::vector<std::string> texts;
  for (int i = 0; i < 20; ++i) texts.push_back("line " + std::to_string(i));
  std::vector<std::string> changed = texts;
  changed[2] = "x";
  changed[9] = "y";   // six equal lines between: one hunk
  changed[17] = "z";  // seven: another
  const auto hunks = listing_difference(listing(texts), listing(changed));
  ASSERT_EQ(hunks.size(), 2u);
  EXPECT_EQ(hunks[0].left_line, 1u);
  EXPECT_EQ(hunks[0].left_count, 13u);
  EXPECT_EQ(hunks[1].left_line, 15u);
  EXPECT_EQ(hunks[1].left_count, 6u);
}

TEST(listing_difference, an_empty_side_has_the_number_of_the_line_above) {
  const auto added = listing_difference({}, listing({"a"}));
  ASSERT_EQ(added.size(), 1u);
  EXPECT_EQ(added[0].left_line, 0u);
  EXPECT_EQ(added[0].left_count, 0u);
  EXPECT_EQ(added[0].right_count, 1u);
}

std::string context_of(const std::vector<std::string>& captured,
                       const std::vector<std::string>& ours) {
  const auto hunks = listing_difference(listing(captured), listing(ours));
  return hunks.size() == 1 ? hunks[0].context : "not one hunk";
}

TEST(listing_difference, the_context_is_the_register_the_operation_or_the_table_above) {
  // GCMD_REG, VT-d specification 11.4.4.1, at 18h
  EXPECT_EQ(context_of({"vtd_reg_write addr 0x18 size 0x4 value 0x1"},
                       {"vtd_reg_write addr 0x18 size 0x4 value 0x2"}),
            "GCMD");
  EXPECT_EQ(context_of({"OP 3 map 1", "vtd_reg_read addr 0x18 size 0x4"},
                       {"OP 3 map 1", "vtd_reg_read addr 0x1c size 0x4"}),
            "OP 3 map 1");
  EXPECT_EQ(context_of({"R 0x1000 0 lo=1 hi=0", "C 0x2000 8 lo=1 hi=0", "2 0x3000 0 0x83"},
                       {"R 0x1000 0 lo=1 hi=0", "C 0x2000 8 lo=1 hi=0", "2 0x3000 0 0x81"}),
            "C 0x2000 8 lo=1 hi=0");
  EXPECT_EQ(context_of({"R 0x1000 0 lo=1 hi=0", "C 0x2000 8 lo=1 hi=0"},
                       {"R 0x1000 0 lo=1 hi=0", "C 0x2000 8 lo=1 hi=1"}),
            "R 0x1000 0 lo=1 hi=0");
  EXPECT_EQ(context_of({"DMAR: one"}, {"DMAR: two"}), "");
}

TEST(listing_difference, text_is_bounded_and_can_be_printed) {
  numbered_lines many = listing(std::vector<std::string>(100, "\x1b[2J"));
  for (numbered_line& line : many) line.text += std::to_string(line.line);
  const std::string text = hunks_to_text(listing_difference(many, {}), "f", "this run", 10);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("-\\033[2J10\n... and 90 lines of differences\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace iommulab::verify::listing_difference_test
