// SPDX-License-Identifier: GPL-2.0-only
#include "core/walk.h"

#include <gtest/gtest.h>

namespace iommulab {
namespace {

TEST(walk_step, is_the_callbacks_int) {
  auto stop_at_three = [](int at) { return at == 3 ? -5 : 0; };
  EXPECT_EQ(walk_step_of(stop_at_three, 2), 0);
  EXPECT_EQ(walk_step_of(stop_at_three, 3), -5);
}

TEST(walk_step, of_a_callback_that_returns_nothing_stops_no_walk) {
  int sum = 0;
  auto add = [&sum](int at) { sum += at; };
  EXPECT_EQ(walk_step_of(add, 2), 0);
  EXPECT_EQ(walk_step_of(add, 3), 0);
  EXPECT_EQ(sum, 5);
}

}  // namespace
}  // namespace iommulab
