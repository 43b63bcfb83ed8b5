// SPDX-License-Identifier: GPL-2.0-only
#include "core/slab.h"

#include <gtest/gtest.h>

namespace iommulab::slab_test {
namespace {

TEST(slab_failures, fails_the_nth_allocation_from_now_once) {
  slab_failures f;
  EXPECT_FALSE(f.should_fail());
  f.fail_at(3);
  EXPECT_FALSE(f.should_fail());
  EXPECT_FALSE(f.should_fail());
  EXPECT_TRUE(f.should_fail());
  EXPECT_FALSE(f.should_fail());
  EXPECT_EQ(f.allocations(), 4u);
}

TEST(slab_failures, fails_every_allocation_from_the_nth_until_told_to_stop) {
  slab_failures f;
  f.fail_from(2);
  EXPECT_FALSE(f.should_fail());
  EXPECT_TRUE(f.should_fail());
  EXPECT_TRUE(f.should_fail());
  f.fail_never();
  EXPECT_FALSE(f.should_fail());
}

TEST(slab_failures, counts_what_is_live) {
  slab_failures f;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(f.should_fail());
  f.fail_at(1);
  EXPECT_TRUE(f.should_fail());
  f.freed();
  f.freed();
  EXPECT_EQ(f.live(), 3);
}

}  // namespace
}  // namespace iommulab::slab_test
