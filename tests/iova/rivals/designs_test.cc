// SPDX-License-Identifier: GPL-2.0-only
//
// What is particular to one rival each.
#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "core/slab.h"
#include "iova/rivals/catalogue.h"
#include "iova/support/printed_range.h"

namespace iommulab::designs_test {
namespace {

constexpr uint64_t limit_24bit = (uint64_t{1} << 12) - 1;
constexpr uint64_t limit_32bit = (uint64_t{1} << 20) - 1;
constexpr uint64_t limit_48bit = (uint64_t{1} << 36) - 1;

std::unique_ptr<iova_allocator> make(std::string_view name, const iova_space& space = {},
                                     unsigned cpus = 1) {
  for (const auto& entry : rivals_iova_allocators()) {
    if (entry.name == name) {
      return entry.make({.space = space, .cpus = cpus, .host = lab_host_kind::counting});
    }
  }
  return nullptr;
}

TEST(top_down_test, uses_every_frame_from_the_start_to_the_limit) {
  for (const std::string_view name : {"gap_tree", "gap_tree32", "maple", "buddy"}) {
    const auto tested = make(name, {.start_pfn = 0xf0});
    std::vector<bool> given(limit_24bit + 1);
    for (uint64_t frame = limit_24bit; frame >= 0xf0; --frame) {
      ASSERT_EQ(tested->alloc(1, limit_24bit, true).pfn_lo, frame) << name;
    }
    EXPECT_FALSE(tested->alloc(1, limit_24bit, true)) << name;
  }
}

TEST(top_down_test, a_ring_is_served_at_the_fence) {
  for (const std::string_view name : {"gap_tree32", "maple"}) {
    const auto tested = make(name);
    std::vector<iova_grant> ring;
    for (unsigned i = 0; i < 1000; ++i) ring.push_back(tested->alloc(1, limit_32bit, true));
    const uint64_t before = tested->counters().nodes_visited;
    for (unsigned round = 0; round < 3; ++round) {
      for (iova_grant& slot : ring) {
        const uint64_t place = slot.pfn_lo;
        tested->free(slot, 1);
        slot = tested->alloc(1, limit_32bit, true);
        ASSERT_EQ(slot.pfn_lo, place) << name;
      }
    }
    EXPECT_EQ(tested->counters().nodes_visited - before, 3000u) << name << ": one for each";
  }
}

TEST(top_down_test, a_freed_range_is_neither_found_nor_in_the_way) {
  for (const std::string_view name : {"gap_tree32", "maple"}) {
    const auto tested = make(name);
    const iova_grant a = tested->alloc(1, limit_32bit, true);
    const iova_grant b = tested->alloc(1, limit_32bit, true);
    tested->free(a, 1);
    tested->free(b, 1);
    EXPECT_FALSE(tested->find(limit_32bit)) << name;
    EXPECT_TRUE(tested->ranges().empty()) << name;
    EXPECT_EQ(tested->alloc(2, limit_32bit, true).pfn_lo, limit_32bit - 1) << name;
  }
}

TEST(eiovar_test, a_freed_range_serves_the_next_request_of_its_size) {
  const auto tested = make("eiovar");
  const iova_grant large = tested->alloc(8, limit_32bit, true);
  const iova_grant small = tested->alloc(1, limit_32bit, true);
  for (unsigned i = 0; i < 100; ++i) (void)tested->alloc(2, limit_32bit, true);
  tested->free(large, 8);
  tested->free(small, 1);
  const uint64_t searches = tested->counters().searches;
  EXPECT_EQ(tested->alloc(1, limit_32bit, true).pfn_lo, small.pfn_lo);
  EXPECT_EQ(tested->alloc(8, limit_32bit, true).pfn_lo, large.pfn_lo);
  EXPECT_EQ(tested->counters().searches, searches) << "the tree was asked";
  EXPECT_EQ(tested->counters().cache_hits, 2u);
}

TEST(eiovar_test, looks_at_the_limit_and_the_alignment_of_what_was_freed) {
  const auto tested = make("eiovar");
  const iova_grant high = tested->alloc(1, limit_48bit, true);
  tested->free(high, 1);
  EXPECT_LE(tested->alloc(1, limit_32bit, true).pfn_lo, limit_32bit);
  (void)tested->alloc(1, limit_48bit, true);
  const iova_grant crooked = tested->alloc(2, limit_48bit, false);
  tested->free(crooked, 2);
  EXPECT_EQ(tested->alloc(2, limit_48bit, true).pfn_lo % 2, 0u);
}

TEST(eiovar_test, empties_its_lists_before_it_fails) {
  const auto tested = make("eiovar", {.start_pfn = 0xfff00});
  std::vector<iova_grant> single;
  while (const iova_grant grant = tested->alloc(1, limit_32bit, true)) single.push_back(grant);
  EXPECT_GE(single.size(), 0xf0u);
  for (const iova_grant& grant : single) tested->free(grant, 1);
  EXPECT_TRUE(tested->alloc(64, limit_32bit, true));
}

TEST(buddy_test, leaves_the_rest_of_a_block_to_others) {
  const auto tested = make("buddy");
  EXPECT_EQ(tested->alloc(5, limit_32bit, true).pfn_lo, limit_32bit - 7);
  EXPECT_EQ(tested->alloc(1, limit_32bit, true).pfn_lo, limit_32bit);
  EXPECT_EQ(tested->alloc(2, limit_32bit, true).pfn_lo, limit_32bit - 8 - 1);
  EXPECT_EQ(tested->alloc(1, limit_32bit, true).pfn_lo, limit_32bit - 1);
  EXPECT_EQ(tested->find(limit_32bit - 5), (iova_range{limit_32bit - 7, limit_32bit - 3}));
}

TEST(buddy_test, memory_follows_what_is_in_use) {
  const auto tested = make("buddy");
  const iova_grant huge = tested->alloc(uint64_t{1} << 30, limit_48bit, true);
  EXPECT_TRUE(huge);
  EXPECT_LE(tested->counters().nodes, 4u) << "a whole subtree is a bit";
  EXPECT_EQ(tested->find(huge.pfn_lo + 12345),
            (iova_range{huge.pfn_lo, huge.pfn_lo + (uint64_t{1} << 30) - 1}));
  std::vector<iova_grant> grants;
  for (unsigned i = 0; i < 20000; ++i) grants.push_back(tested->alloc(1, limit_48bit, true));
  EXPECT_GE(tested->counters().nodes, 5u);
  for (const iova_grant& grant : grants) tested->free(grant, 1);
  tested->free(huge, uint64_t{1} << 30);
  EXPECT_EQ(tested->counters().nodes, 1u) << "the root alone";
}

TEST(per_ring_test, hands_out_addresses_in_ring_order) {
  const auto tested = make("per_ring", {}, 2);
  const uint64_t first = tested->alloc_fast(0, 4, limit_32bit, true);
  for (uint64_t i = 1; i < 256; ++i) {
    EXPECT_EQ(tested->alloc_fast(0, 4, limit_48bit, true), first + 4 * i);
  }
  tested->free_fast(0, first, 4);
  EXPECT_EQ(tested->alloc_fast(0, 4, limit_32bit, true), first + uint64_t{4} * 256)
      << "not yet round";
  EXPECT_NE(tested->alloc_fast(1, 4, limit_32bit, true) / 8192, first / 8192)
      << "the other processor has a window of its own";
}

TEST(per_ring_test, comes_round_to_what_is_free_again) {
  const auto tested = make("per_ring");
  std::vector<uint64_t> ring;
  for (unsigned i = 0; i < 100; ++i) ring.push_back(tested->alloc_fast(0, 32, limit_32bit, true));
  const uint64_t window = ring[0] / 8192;
  for (unsigned i = 0; i < 10000; ++i) {
    uint64_t& oldest = ring[i % ring.size()];
    tested->free_fast(0, oldest, 32);
    oldest = tested->alloc_fast(0, 32, limit_32bit, true);
    ASSERT_EQ(oldest / 8192, window);
  }
  EXPECT_EQ(tested->ranges().size(), 1u);
}

TEST(per_ring_test, takes_back_what_another_processor_frees) {
  const auto tested = make("per_ring", {}, 2);
  std::vector<uint64_t> taken;
  for (unsigned i = 0; i < 300; ++i) taken.push_back(tested->alloc_fast(0, 32, limit_32bit, true));
  EXPECT_EQ(tested->ranges().size(), 2u) << "256 slots a window";
  for (const uint64_t lo : taken) tested->free_fast(1, lo, 32);
  EXPECT_EQ(tested->ranges().size(), 1u) << "one is kept";
}

TEST(per_ring_test, low_limits_and_large_sizes_are_the_bases) {
  const auto tested = make("per_ring");
  EXPECT_EQ(tested->alloc_fast(0, 1, limit_24bit, true), limit_24bit);
  EXPECT_EQ(tested->alloc_fast(0, 64, limit_32bit, true), limit_32bit - 63);
  tested->free_fast(0, limit_24bit, 1);
  tested->free_fast(0, limit_32bit - 63, 64);
  EXPECT_TRUE(tested->ranges().empty());
}

TEST(per_ring_test, gives_idle_windows_up_for_who_is_out_of_room) {
  const auto tested = make("per_ring", {.start_pfn = limit_32bit + 1 - 8192});
  const uint64_t lo = tested->alloc_fast(0, 1, limit_32bit, true);
  tested->free_fast(0, lo, 1);
  EXPECT_EQ(tested->alloc_fast(0, 64, limit_32bit, false), no_iova);
  EXPECT_EQ(tested->alloc_fast(0, 64, limit_32bit, true), limit_32bit - 63);
}

}  // namespace
}  // namespace iommulab::designs_test
