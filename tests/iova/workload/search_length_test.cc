// SPDX-License-Identifier: GPL-2.0-only
//
// What the adversarial workloads are for: how many nodes a search visits grows with the number of
// mappings where it is said to.
#include <gtest/gtest.h>

#include "absl/strings/str_format.h"
#include "iova/allocators.h"
#include "iova/workload/runner.h"

namespace iommulab::search_length_test {
namespace {

struct searched {
  uint64_t nodes = 0;  ///< visited by the operations, the preparation apart
  uint64_t searches = 0;
  uint64_t longest = 0;
};

searched search(std::string_view allocator, std::string_view workload_name) {
  const auto workload = make_iova_workload(workload_name);
  EXPECT_TRUE(workload.ok()) << workload.status();
  const iova_catalogue_entry* entry = find_iova_allocator(allocator);
  EXPECT_NE(entry, nullptr) << allocator;
  iova_setup setup;
  setup.space = workload->space;
  setup.cpus = workload->cpus;
  setup.host = lab_host_kind::counting;
  const auto made = entry->make(setup);
  no_observer nobody;
  iova_runner<iova_allocator, no_observer> runner(*made, *workload, nobody);
  EXPECT_TRUE(runner.reserve(workload->reserved));
  runner.run(workload->setup);
  const iova_counters before = made->counters();
  runner.run(workload->operations);
  const iova_counters after = made->counters();
  return {after.nodes_visited - before.nodes_visited, after.searches - before.searches,
          after.longest_search};
}

/// A round of linear-N is two searches: the one for 2 frames passes all mappings below the hole.
/// In round i (from 0) these are N - 1 less the i that earlier rounds left above the hole.
uint64_t passed_by_linear(uint64_t live) {
  uint64_t nodes = 0;
  for (uint64_t i = 0; i < live / 8; ++i) nodes += live - 1 - i;
  return nodes;
}

TEST(linear_workload, passes_all_mappings_with_the_kernels_of_4_4_and_6_12) {
  for (const char* kernel : {"v4_4", "v4_9", "v4_19", "v6_1", "v6_12"}) {
    for (const uint64_t live : {64u, 256u, 1024u}) {
      const searched found = search(kernel, absl::StrFormat("linear-%d", live));
      const uint64_t rounds = live / 8;
      EXPECT_EQ(found.searches, 2 * rounds) << kernel;
      // Besides, a search looks at a few nodes at its ends, and the one for 1 frame at two.
      EXPECT_GE(found.nodes, passed_by_linear(live)) << kernel << ' ' << live;
      EXPECT_LE(found.nodes, passed_by_linear(live) + 8 * rounds) << kernel << ' ' << live;
      EXPECT_NEAR(static_cast<double>(found.longest), static_cast<double>(live), 4) << kernel;
    }
  }
}

TEST(linear_workload, costs_a_gap_index_next_to_nothing) {
  for (const char* rival : {"gap_tree32", "maple"}) {
    const searched small = search(rival, "linear-64");
    const searched large = search(rival, "linear-2048");
    EXPECT_LT(large.nodes / large.searches, 64u) << rival;
    EXPECT_LT(small.nodes / small.searches, 64u) << rival;
  }
}

TEST(dominated_workload, passes_all_mappings_with_4_4_each_time) {
  // 4.4 forgets its cached node when the last range below 4 GiB goes, and begins at the very top.
  for (const uint64_t live : {64u, 512u}) {
    const searched found = search("v4_4", absl::StrFormat("dominated-64-%d", live));
    EXPECT_EQ(found.searches, 512u);
    EXPECT_GE(found.nodes / found.searches, live);
    EXPECT_LE(found.nodes / found.searches, live + 4);
  }
}

TEST(dominated_workload, passes_them_once_with_6_12) {
  // Its cached node for 32 bits is the anchor at first, and the lowest mapping above later on.
  const searched found = search("v6_12", "dominated-64-512");
  EXPECT_GE(found.nodes, 512u);
  EXPECT_LE(found.nodes, 512u + 4 * 512u);
}

}  // namespace
}  // namespace iommulab::search_length_test
