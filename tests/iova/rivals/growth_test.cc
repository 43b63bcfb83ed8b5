// SPDX-License-Identifier: GPL-2.0-only
//
// How much a search looks at, as the number of ranges in use grows.
#include <gtest/gtest.h>

#include <bit>
#include <string_view>
#include <vector>

#include "iova/rivals/catalogue.h"

namespace iommulab::growth_test {
namespace {

constexpr uint64_t limit_32bit = (uint64_t{1} << 20) - 1;
constexpr uint64_t limit_48bit = (uint64_t{1} << 36) - 1;

std::unique_ptr<iova_allocator> make(std::string_view name) {
  for (const auto& entry : rivals_iova_allocators()) {
    if (entry.name == name) return entry.make({.space = {}, .host = lab_host_kind::counting});
  }
  return nullptr;
}

// Nodes visited by one allocation, which is freed again.
uint64_t visits(iova_allocator& tested, uint64_t size, uint64_t limit) {
  const uint64_t before = tested.counters().nodes_visited;
  const iova_grant grant = tested.alloc(size, limit, true);
  EXPECT_TRUE(grant);
  const uint64_t after = tested.counters().nodes_visited;
  tested.free(grant, size);
  return after - before;
}

// A domain full of 64-bit mappings with holes between them, and a few below 4 GiB, with holes, too.
std::unique_ptr<iova_allocator> dominated_by_64bit(std::string_view name, uint64_t mappings) {
  auto tested = make(name);
  std::vector<iova_grant> grants;
  for (uint64_t i = 0; i < 2 * mappings; ++i) grants.push_back(tested->alloc(2, limit_48bit, true));
  for (uint64_t i = 0; i < grants.size(); i += 2) tested->free(grants[i], 2);
  for (unsigned i = 0; i < 64; ++i) {
    EXPECT_TRUE(tested->alloc(i % 2 == 0 ? 1 : 3, limit_32bit, true));
  }
  return tested;
}

TEST(growth_test, a_low_limit_makes_gap_tree_look_at_every_hole_above) {
  for (const uint64_t n : {1000U, 4000U, 16000U}) {
    EXPECT_GE(visits(*dominated_by_64bit("gap_tree", n), 2, limit_32bit), n);
  }
}

// Both trees have an expected depth of 2 ln(n), and a search looks at two nodes a level.
uint64_t few(uint64_t ranges) {
  return 6 * static_cast<uint64_t>(std::bit_width(ranges));
}

TEST(growth_test, a_low_limit_costs_gap_tree32_a_logarithm) {
  for (const uint64_t n : {1000U, 4000U, 16000U}) {
    EXPECT_LE(visits(*dominated_by_64bit("gap_tree32", n), 2, limit_32bit), few(n));
  }
}

// Levels of the index with at most 23 children each, and its leaves of 15 ranges.
uint64_t few_nodes(uint64_t ranges) {
  uint64_t levels = 1;
  for (uint64_t nodes = ranges / 3; nodes > 1; nodes /= 5) ++levels;
  return 23 * levels;
}

TEST(growth_test, a_low_limit_costs_maple_a_logarithm) {
  for (const uint64_t n : {1000U, 4000U, 16000U}) {
    EXPECT_LE(visits(*dominated_by_64bit("maple", n), 2, limit_32bit), few_nodes(n));
  }
}

// The linear pattern: single frames freed near the top of a packed run, where nothing larger fits.
uint64_t visits_in_a_run(std::string_view name, uint64_t ranges) {
  const auto tested = make(name);
  iova_grant near_top;
  for (uint64_t i = 0; i < ranges; ++i) {
    const iova_grant grant = tested->alloc(i % 2 == 0 ? 1 : 3, limit_48bit, true);
    if (i == 32) near_top = grant;
  }
  tested->free(near_top, 1);
  return visits(*tested, 2, limit_48bit);
}

TEST(growth_test, the_linear_pattern_costs_a_logarithm) {
  for (const uint64_t n : {1000U, 8000U, 64000U}) {
    EXPECT_LE(visits_in_a_run("gap_tree", n), few(n));
    EXPECT_LE(visits_in_a_run("gap_tree32", n), few(n));
    EXPECT_LE(visits_in_a_run("maple", n), few_nodes(n));
  }
}

// Gaps of two frames, none of them at an even frame.
uint64_t visits_among_crooked_gaps(std::string_view name, uint64_t gaps) {
  const auto tested = make(name);
  std::vector<iova_grant> holes;
  EXPECT_TRUE(tested->alloc(1, limit_48bit, false));
  for (uint64_t i = 0; i < gaps; ++i) {
    holes.push_back(tested->alloc(2, limit_48bit, false));
    EXPECT_TRUE(tested->alloc(2, limit_48bit, false));
  }
  for (const iova_grant& hole : holes) tested->free(hole, 2);
  return visits(*tested, 2, limit_48bit);
}

TEST(growth_test, alignment_leads_gap_trees_astray_and_not_maple) {
  for (const uint64_t n : {1000U, 16000U}) {
    EXPECT_GE(visits_among_crooked_gaps("gap_tree", n), n);
    EXPECT_GE(visits_among_crooked_gaps("gap_tree32", n), n);
    EXPECT_LE(visits_among_crooked_gaps("maple", n), few_nodes(n));
  }
}

struct footprint {
  std::string_view name;
  double bytes_a_range;  ///< as its header says
};

TEST(memory_test, a_range_takes_what_the_header_says) {
  constexpr uint64_t ranges = 10000;
  for (const auto& [name, bytes_a_range] :
       {footprint{"gap_tree", 64}, footprint{"gap_tree32", 64.5}, footprint{"maple", 20}}) {
    const auto tested = make(name);
    for (uint64_t i = 0; i < ranges; ++i) EXPECT_TRUE(tested->alloc(1, limit_48bit, true));
    const double bytes = static_cast<double>(tested->counters().node_bytes);
    EXPECT_LE(bytes / ranges, bytes_a_range) << name;
    EXPECT_GE(bytes / ranges, 2 * sizeof(uint64_t)) << name << ": it must keep both ends";
  }
}

}  // namespace
}  // namespace iommulab::growth_test
