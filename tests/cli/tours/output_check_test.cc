// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tours/output_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace iommulab::tours {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

item expecting(std::vector<expectation> expected) {
  return {item_kind::step, 1, "", "print x", std::move(expected)};
}

std::string numbered_lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) absl::StrAppend(&text, "line ", i, ".\n");
  return text;
}

TEST(check_output, finds_pieces_in_their_order) {
  const item of = expecting({{2, "", "a"}, {3, "", "b"}, {4, "", "b"}, {5, "", "c"}});
  const checked_output found = check_output("a b\nb\nc", of, "v4_4");
  EXPECT_THAT(found.lines, ElementsAre("a b", "b", "c"));
  EXPECT_THAT(found.met, ElementsAre(0u, 1u, 2u));
  EXPECT_THAT(found.missing, IsEmpty());
  const checked_output other = check_output("b\na\nc\n", of, "v4_4");
  ASSERT_EQ(other.missing.size(), 2u);
  EXPECT_EQ(other.missing[0]->line, 3u);
  EXPECT_EQ(other.missing[1]->line, 4u);
}

TEST(check_output, leaves_out_what_is_of_another_kernel) {
  const item of = expecting({{2, "v4_4", "old"}, {3, "v4_4_178", "new"}});
  EXPECT_THAT(check_output("old\n", of, "v4_4").missing, IsEmpty());
  EXPECT_EQ(check_output("old\n", of, "v4_4_178").missing.size(), 1u);
}

TEST(shortened, leaves_short_output_alone) {
  const item of = expecting({{2, "", "line 3."}});
  EXPECT_EQ(shortened(check_output(numbered_lines(16), of, "")).size(), 16u);
}

TEST(shortened, shows_what_is_expected_and_what_is_around_it) {
  const item of = expecting({{2, "", "line 4."}, {3, "", "line 7."}, {4, "", "line 39."}});
  EXPECT_THAT(shortened(check_output(numbered_lines(40), of, "")),
              ElementsAre("line 0.", "… 2 lines", "line 3.", "line 4.", "line 5.", "line 6.",
                          "line 7.", "line 8.", "… 29 lines", "line 38.", "line 39."));
}

TEST(shortened, does_not_leave_out_a_single_line) {
  const item of = expecting({{2, "", "line 4."}, {3, "", "line 8."}});
  EXPECT_THAT(shortened(check_output(numbered_lines(20), of, "")),
              ElementsAre("line 0.", "… 2 lines", "line 3.", "line 4.", "line 5.", "line 6.",
                          "line 7.", "line 8.", "line 9.", "… 10 lines"));
}

TEST(shortened, takes_an_empty_output) {
  EXPECT_THAT(shortened(check_output("", expecting({}), "")), IsEmpty());
}

}  // namespace
}  // namespace iommulab::tours
