// SPDX-License-Identifier: GPL-2.0-only
#include "lab/diff/line_diff.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace iommulab::line_diff_test {
namespace {

using ::testing::ElementsAre;
using lines = std::vector<std::string>;
using side = diff_line::side;

/// Length of the longest common subsequence by the textbook's table.
size_t common_length(const lines& a, const lines& b) {
  std::vector<std::vector<size_t>> t(a.size() + 1, std::vector<size_t>(b.size() + 1, 0));
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      t[i][j] = a[i - 1] == b[j - 1] ? t[i - 1][j - 1] + 1 : std::max(t[i - 1][j], t[i][j - 1]);
    }
  }
  return t[a.size()][b.size()];
}

lines one_side(const std::vector<diff_line>& script, side leave_out) {
  lines result;
  for (const diff_line& line : script) {
    if (line.where != leave_out) result.push_back(line.text);
  }
  return result;
}

size_t marked(const std::vector<diff_line>& script, side where) {
  return static_cast<size_t>(std::count_if(script.begin(), script.end(),
                                           [&](const diff_line& l) { return l.where == where; }));
}

lines random_lines(std::mt19937& random) {
  lines result(random() % 12);
  for (std::string& line : result) line = std::string(1, static_cast<char>('a' + random() % 4));
  return result;
}

TEST(line_diff_test, both_lists_can_be_read_back_and_no_line_is_marked_without_need) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    const lines a = random_lines(random);
    const lines b = random_lines(random);
    const auto script = diff_lines(a, b);
    ASSERT_EQ(one_side(script, side::right), a) << i;
    ASSERT_EQ(one_side(script, side::left), b) << i;
    ASSERT_EQ(marked(script, side::both), common_length(a, b)) << i;
  }
}

TEST(line_diff_test, lines_that_one_list_alone_has_are_removed_before_others_are_added) {
  EXPECT_THAT(diff_lines({"x", "1", "2", "y"}, {"x", "3", "4", "5", "y"}),
              ElementsAre(diff_line{side::both, "x"}, diff_line{side::left, "1"},
                          diff_line{side::left, "2"}, diff_line{side::right, "3"},
                          diff_line{side::right, "4"}, diff_line{side::right, "5"},
                          diff_line{side::both, "y"}));
}

TEST(line_diff_test, a_hundred_thousand_lines_that_all_differ_are_no_work) {
  constexpr size_t count = 100'000;
  lines a;
  lines b;
  for (size_t i = 0; i < count; ++i) {
    a.push_back("a" + std::to_string(i));
    b.push_back("b" + std::to_string(i));
  }
  EXPECT_EQ(marked(diff_lines(a, b), side::both), 0u);
}

TEST(line_diff_test, text_shows_the_lines_around_a_difference_and_marks_what_is_left_out) {
  const auto script =
      diff_lines({"a", "b", "c", "d", "e", "f", "g"}, {"a", "B", "c", "d", "e", "f", "G"});
  EXPECT_EQ(diff_to_text(script, 1), "  a\n- b\n+ B\n  c\n  ...\n  f\n- g\n+ G\n");
}

TEST(line_diff_test, equal_lists_give_no_text) {
  EXPECT_EQ(diff_to_text(diff_lines({"a", "b"}, {"a", "b"})), "");
}

}  // namespace
}  // namespace iommulab::line_diff_test
