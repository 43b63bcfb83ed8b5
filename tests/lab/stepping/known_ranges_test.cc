// SPDX-License-Identifier: GPL-2.0-only
#include "lab/stepping/known_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace iommulab {
namespace {

TEST(known_ranges_test, a_range_changes_its_own_place) {
  known_ranges known;
  known.become({{1, 1}, {3, 3}, {5, 5}});
  EXPECT_EQ(known.take_changes(), (range_window{0, 0, 3}));
  EXPECT_EQ(known.take_changes(), range_window{});
  known.insert({4, 4});
  EXPECT_EQ(known.take_changes(), (range_window{2, 0, 1}));
  known.erase({1, 1});
  EXPECT_EQ(known.take_changes(), (range_window{0, 1, 0}));
  known.become({{3, 3}, {4, 4}, {5, 6}});
  EXPECT_EQ(known.take_changes(), (range_window{2, 1, 1}));
}

TEST(known_ranges_test, one_that_comes_and_goes_is_no_change_of_others) {
  known_ranges known;
  known.become({{1, 1}, {3, 3}, {5, 5}});
  known.take_changes();
  known.insert({4, 4});
  known.erase({4, 4});
  EXPECT_EQ(known.take_changes(), (range_window{2, 0, 0}));
}

TEST(known_ranges_test, what_is_known_is_told_apart) {
  known_ranges known;
  EXPECT_FALSE(known.contains({1, 1}));
  known.become({{1, 2}, {3, 3}});
  EXPECT_TRUE(known.contains({1, 2}));
  EXPECT_FALSE(known.contains({1, 1}));
  EXPECT_FALSE(known.contains({2, 2}));
}

using ranges = std::vector<iova_range>;

/// The ranges that a window leads to, when the others are taken from those before.
ranges led_to(const ranges& before, const range_window& window, const ranges& now) {
  ranges made(before.begin(), before.begin() + static_cast<ptrdiff_t>(window.first));
  const auto come = now.begin() + static_cast<ptrdiff_t>(window.first);
  made.insert(made.end(), come, come + static_cast<ptrdiff_t>(window.come));
  made.insert(made.end(), before.begin() + static_cast<ptrdiff_t>(window.first + window.gone),
              before.end());
  return made;
}

TEST(known_ranges_test, a_window_is_around_all_that_changed_since_the_last_look) {
  std::mt19937 random(1);
  const auto below = [&random](size_t end) { return random() % end; };
  known_ranges known;
  ranges model;  // as it should be
  for (int look = 0; look < 2000; ++look) {
    const ranges before = model;
    for (size_t left = below(4); left > 0; --left) {
      const uint64_t frame = below(200);
      const auto at = std::find_if(model.begin(), model.end(),
                                   [frame](const iova_range& r) { return r.lo >= frame; });
      const bool is_there = at != model.end() && at->lo == frame;
      if (is_there) {
        model.erase(at);
      } else {
        model.insert(at, {frame, frame});
      }
      if (below(4) == 0) {
        known.become(model);
      } else if (is_there) {
        known.erase({frame, frame});
      } else {
        known.insert({frame, frame});
      }
    }
    ASSERT_EQ(known.all(), model);
    ASSERT_EQ(led_to(before, known.take_changes(), model), model) << "look " << look;
  }
}

}  // namespace
}  // namespace iommulab
