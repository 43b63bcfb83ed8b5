// SPDX-License-Identifier: GPL-2.0-only
#include "platform/memory/buddy.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace iommulab::buddy_test {
namespace {

uint64_t blocks(const buddy& b) {
  uint64_t n = 0;
  for (unsigned o = 0; o <= buddy::max_order; ++o) n += b.free_blocks(o);
  return n;
}

TEST(buddy, cuts_a_range_into_the_largest_aligned_blocks) {
  buddy b;
  b.add(1, 1024 + 3);  // 1, 2-3, 4-7 … 512-1023: orders 0 to 9, then 1024-1025 and 1026
  EXPECT_EQ(b.free_pages(), 1026u);
  EXPECT_EQ(b.free_blocks(0), 2u);
  EXPECT_EQ(b.free_blocks(1), 2u);
  for (unsigned order = 2; order <= 9; ++order) EXPECT_EQ(b.free_blocks(order), 1u);
  EXPECT_EQ(b.free_blocks(10), 0u);
}

TEST(buddy, merges_ranges_that_are_added_side_by_side) {
  buddy b;
  b.add(0, 512);
  b.add(512, 1024);
  EXPECT_EQ(b.free_blocks(10), 1u);
  EXPECT_EQ(blocks(b), 1u);
}

TEST(buddy, takes_from_the_top_and_merges_back_to_one_block) {
  buddy b;
  b.add(0, 1024);
  for (uint64_t expected = 1023; expected >= 1000; --expected) EXPECT_EQ(b.take(0), expected);
  EXPECT_EQ(b.free_pages(), 1000u);
  for (uint64_t frame = 1000; frame < 1024; ++frame) b.give(frame, 0);
  EXPECT_EQ(b.free_blocks(10), 1u);
  EXPECT_EQ(blocks(b), 1u);
}

TEST(buddy, aligns_every_block_to_its_size) {
  buddy b;
  b.add(0, 1024);
  EXPECT_EQ(b.take(0), 1023u);
  EXPECT_EQ(b.take(3), 1008u);  // 1016-1023 is broken by the page
  EXPECT_EQ(b.take(9), 0u);
  EXPECT_EQ(b.take(9), std::nullopt);
}

TEST(buddy, takes_a_block_at_a_chosen_place_only_when_all_of_it_is_free) {
  buddy b;
  b.add(0, 1024);
  EXPECT_TRUE(b.take_at(0x155, 0));
  EXPECT_FALSE(b.take_at(0x155, 0));
  EXPECT_FALSE(b.take_at(0x154, 1));
  EXPECT_TRUE(b.take_at(0x156, 1));
  EXPECT_FALSE(b.take_at(2000, 0));
  EXPECT_EQ(b.free_pages(), 1024u - 3);
  b.give(0x155, 0);
  b.give(0x156, 1);
  EXPECT_EQ(b.free_blocks(10), 1u);
}

TEST(buddy, agrees_with_a_set_of_pages_over_random_operations) {
  std::mt19937_64 random(20);
  buddy b;
  std::set<uint64_t> free;
  std::map<uint64_t, unsigned> live;
  b.add(3, 5000);
  for (uint64_t f = 3; f < 5000; ++f) free.insert(f);
  for (int step = 0; step < 20000; ++step) {
    if (random() % 2 == 0) {
      const unsigned order = static_cast<unsigned>(random() % 6);
      const auto frame = b.take(order);
      if (!frame) continue;
      ASSERT_EQ(*frame % (1u << order), 0u);
      for (uint64_t f = *frame; f < *frame + (1u << order); ++f) ASSERT_EQ(free.erase(f), 1u);
      live[*frame] = order;
    } else if (!live.empty()) {
      auto victim = live.lower_bound(random() % 5000);
      if (victim == live.end()) victim = live.begin();
      b.give(victim->first, victim->second);
      for (uint64_t f = 0; f < (1u << victim->second); ++f) free.insert(victim->first + f);
      live.erase(victim);
    }
    ASSERT_EQ(b.free_pages(), free.size());
  }
  for (const auto& [frame, order] : live) b.give(frame, order);
  buddy fresh;
  fresh.add(3, 5000);
  for (unsigned o = 0; o <= buddy::max_order; ++o)
    EXPECT_EQ(b.free_blocks(o), fresh.free_blocks(o));
}

}  // namespace
}  // namespace iommulab::buddy_test
