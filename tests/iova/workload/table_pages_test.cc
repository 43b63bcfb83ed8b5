// SPDX-License-Identifier: GPL-2.0-only
#include "iova/workload/table_pages.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

#include "iova/lab/range.h"
#include "support/long_run.h"

namespace iommulab::table_pages_test {
namespace {

/// Frame by frame: which table pages hold an entry for one of the ranges' frames.
uint64_t pages_of(const std::vector<iova_range>& live) {
  std::set<std::pair<unsigned, uint64_t>> pages;
  for (const iova_range& range : live) {
    for (uint64_t frame = range.lo; frame <= range.hi; ++frame) {
      for (unsigned shift = 9; shift <= 27; shift += 9) pages.insert({shift, frame >> shift});
    }
  }
  return pages.size() + 1;
}

TEST(table_page_count, needs_a_page_a_level_for_one_frame) {
  table_page_count count;
  EXPECT_EQ(count.now(), 1u);
  count.granted(0xfffff, 1);
  EXPECT_EQ(count.now(), 4u);
  count.granted(0xffffe, 1);
  EXPECT_EQ(count.now(), 4u);
  count.freed(0xfffff, 1);
  EXPECT_EQ(count.now(), 4u);
  count.freed(0xffffe, 1);
  EXPECT_EQ(count.now(), 1u);
  EXPECT_EQ(count.peak(), 4u);
}

TEST(table_page_count, counts_the_pages_in_the_middle_of_a_large_range) {
  table_page_count count;
  count.granted(0, uint64_t{1} << 36);  // all of 48 address bits
  EXPECT_EQ(count.now(), 1 + 512 + 512 * 512 + uint64_t{512} * 512 * 512);
  count.freed(0, uint64_t{1} << 36);
  EXPECT_EQ(count.now(), 1u);
}

TEST(table_page_count, agrees_with_counting_frame_by_frame) {
  std::mt19937_64 random(7);
  table_page_count count;
  std::map<uint64_t, iova_range> live;
  uint64_t peak = 1;
  const int rounds = is_long_run() ? 400 : 80;
  for (int i = 0; i < rounds; ++i) {
    const uint64_t place = random() % 64;  // of 1500 frames each, over several upper pages
    const uint64_t lo = (uint64_t{1} << 27) - uint64_t{32} * 1500 + place * 1500;
    if (const auto there = live.find(place); there != live.end()) {
      count.freed(there->second.lo, there->second.hi - there->second.lo + 1);
      live.erase(there);
    } else {
      const uint64_t size = 1 + random() % 1400;
      count.granted(lo, size);
      live[place] = {lo, lo + size - 1};
    }
    std::vector<iova_range> ranges;
    ranges.reserve(live.size());
    for (const auto& [unused, range] : live) ranges.push_back(range);
    ASSERT_EQ(count.now(), pages_of(ranges));
    peak = std::max(peak, count.now());
  }
  EXPECT_EQ(count.peak(), peak);
}

}  // namespace
}  // namespace iommulab::table_pages_test
