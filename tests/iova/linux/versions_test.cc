// SPDX-License-Identifier: GPL-2.0-only
//
// What the recorded runs do not show: processors that go, memory that runs out, memory that is
// used, nodes that are visited.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <random>
#include <set>

#include "iova/allocators.h"
#include "iova/linux/linux_domain.h"
#include "iova/linux/linux_versions.h"
#include "iova/support/printed_range.h"

namespace iommulab::versions_test {
namespace {

constexpr uint64_t lim32 = 0xfffff;

class linux_versions : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<linux_iova_domain> make(const iova_setup& setup = {}) {
    auto domain = make_linux_iova_domain(GetParam(), setup);
    EXPECT_NE(domain, nullptr);
    return domain;
  }
  bool is_4_4() const { return GetParam().starts_with("v4_4"); }
  bool is_6() const { return GetParam().starts_with("v6"); }
};
INSTANTIATE_TEST_SUITE_P(all, linux_versions, testing::ValuesIn(linux_version_names()),
                         linux_version_test_name);

std::vector<uint64_t> alloc_fast(linux_iova_domain& domain, unsigned cpu, uint64_t size,
                                 uint64_t count) {
  std::vector<uint64_t> pfns;
  pfns.reserve(count);
  for (uint64_t i = 0; i < count; ++i) pfns.push_back(domain.alloc_fast(cpu, size, lim32, true));
  return pfns;
}

bool ascend_apart(const std::vector<iova_range>& ranges) {
  return std::adjacent_find(ranges.begin(), ranges.end(),
                            [](const iova_range& a, const iova_range& b) {
                              return a.hi >= b.lo || a.lo > a.hi;
                            }) == ranges.end();
}

TEST_P(linux_versions, are_in_the_catalogue) {
  const iova_catalogue_entry* entry = find_iova_allocator(GetParam());
  ASSERT_NE(entry, nullptr);
  const auto allocator = entry->make({});
  ASSERT_NE(allocator, nullptr);
  EXPECT_EQ(allocator->alloc(0x20, lim32, true).pfn_lo, 0xfffe0u);
  EXPECT_EQ(entry->range_caches, make()->supports(linux_iova_feature::range_caches));
}

TEST(linux_version, that_is_unknown_is_none) {
  EXPECT_EQ(make_linux_iova_domain("v5_0", {}), nullptr);
}

TEST_P(linux_versions, refuse_sizes_that_cannot_be) {
  const auto domain = make();
  ASSERT_TRUE(domain->alloc(1, lim32, true));
  for (const bool aligned : {false, true}) {
    EXPECT_FALSE(domain->alloc(0, lim32, aligned));
    EXPECT_FALSE(domain->alloc(uint64_t{1} << 63, lim32, aligned));
    EXPECT_FALSE(domain->alloc((uint64_t{1} << 63) + 1, lim32, aligned));
    EXPECT_FALSE(domain->alloc(UINT64_MAX, UINT64_MAX, aligned));
  }
  EXPECT_EQ(domain->alloc_fast(0, 0, lim32, true), no_iova);
  EXPECT_FALSE(domain->reserve(6, 5));
  EXPECT_EQ(domain->ranges(), (std::vector<iova_range>{{lim32, lim32}}));
}

TEST_P(linux_versions, stop_at_a_range_that_begins_at_frame_0) {
  const auto domain = make();
  ASSERT_TRUE(domain->reserve(0, 0xff));
  ASSERT_TRUE(domain->reserve(0x101, lim32));
  EXPECT_EQ(domain->alloc(1, lim32, true).pfn_lo, 0x100u);
  EXPECT_FALSE(domain->alloc(1, lim32, true));
  EXPECT_FALSE(domain->alloc(1, lim32 - 1, true));
}

TEST_P(linux_versions, find_no_room_for_sizes_above_the_limit) {
  const auto domain = make();
  EXPECT_FALSE(domain->alloc(8, 5, true));
  const uint64_t cached = domain->alloc_fast(0, 8, lim32, true);
  domain->free_fast(0, cached, 8);
  EXPECT_EQ(domain->alloc_fast(0, 8, 5, false), no_iova);
  EXPECT_EQ(domain->alloc_fast(0, 8, 6, true), no_iova);
}

// A processor that went leaves nothing behind but what it had put into depots.
TEST_P(linux_versions, take_back_what_a_processor_cached_when_it_goes) {
  const auto domain = make({.cpus = 2});
  const std::vector<uint64_t> pfns = alloc_fast(*domain, 1, 1, 1000);
  for (const uint64_t pfn : pfns) domain->free_fast(1, pfn, 1);
  uint64_t in_depots = 0;
  const std::vector<uint64_t> sizes = domain->depot_sizes();
  for (const uint64_t magazines : sizes) in_depots += magazines * (is_6() ? 127 : 128);
  if (!is_4_4()) {
    EXPECT_GT(in_depots, 0u);
    EXPECT_EQ(domain->ranges().size(), 1000u);
  }
  domain->cpu_dead(0);
  EXPECT_EQ(domain->ranges().size(), is_4_4() ? 0u : 1000u);
  domain->cpu_dead(1);
  EXPECT_EQ(domain->ranges().size(), in_depots);
  if (domain->supports(linux_iova_feature::flush_global)) {
    domain->free_global_cached_iovas();
    EXPECT_TRUE(domain->ranges().empty());
  }
}

TEST_P(linux_versions, shorten_the_depot_to_one_magazine_a_processor) {
  const auto domain = make({.cpus = 3});
  if (!domain->supports(linux_iova_feature::depot_work)) {
    EXPECT_EQ(domain->run_depot_work(), 0u);
    return;
  }
  std::vector<uint64_t> pfns = alloc_fast(*domain, 0, 2, uint64_t{127} * 12);
  for (const uint64_t pfn : pfns) domain->free_fast(0, pfn, 2);
  EXPECT_EQ(domain->depot_sizes()[1], 10u);
  unsigned runs = 0;
  while (domain->run_depot_work() > 0) ++runs;
  EXPECT_EQ(domain->depot_sizes()[1], 3u);
  EXPECT_EQ(runs, 8u) << "seven that free one each, and one that finds nothing to do";
  domain->cpu_dead(2);
  EXPECT_EQ(domain->run_depot_work(), 0u) << "a processor that goes is no reason to run it";
  for (int i = 0; i < 127; ++i)
    pfns[static_cast<size_t>(i)] = domain->alloc_fast(1, 2, lim32, true);
  EXPECT_EQ(domain->depot_sizes()[1], 2u);
}

TEST_P(linux_versions, flush_the_caches_before_they_fail) {
  const auto domain = make({.space = {4096, lim32 - 63, lim32}, .cpus = 2});
  std::vector<uint64_t> pfns;
  for (;;) {
    const uint64_t pfn = domain->alloc_fast(0, 1, lim32, true);
    if (pfn == no_iova) break;
    pfns.push_back(pfn);
  }
  EXPECT_GE(pfns.size(), 63u);
  for (const uint64_t pfn : pfns) domain->free_fast(1, pfn, 1);
  const uint64_t pfn = domain->alloc_fast(0, 32, lim32, true);
  EXPECT_NE(pfn, no_iova);
  EXPECT_EQ(domain->find(pfn), (iova_range{pfn, pfn + 31}));
}

// All that a domain's memory is asked for, in one script. Every step tells what it holds.
class script {
 public:
  /// The `failing`-th allocation from now fails.
  script(linux_iova_domain& domain, slab_failures& slab, uint64_t failing)
      : domain_(domain), slab_(slab), fails_after_(slab.allocations() + failing - 1) {
    slab.fail_at(failing);
  }

  void run() {
    for (int round = 0; round < 40; ++round) {
      alloc(1 + static_cast<uint64_t>(round) % 5);
      reserve(0x1000 + 0x10 * static_cast<uint64_t>(round));
      if (domain_.supports(linux_iova_feature::split)) split();
    }
    for (int i = 0; i < 400; ++i) alloc_fast();
    while (!fast_.empty()) free_fast();
    for (int i = 0; i < 400; ++i) alloc_fast();
    while (!fast_.empty()) free_fast();
    while (!live_.empty()) {
      domain_.free(live_.back(), 1);
      live_.pop_back();
    }
  }

 private:
  // A step that failed has changed nothing.
  void whole(const std::function<bool()>& step) {
    if (!memory_may_fail()) {
      step();
      return;
    }
    const auto before = domain_.ranges();
    const int64_t live = slab_.live();
    const std::string state = domain_.state();
    if (step()) return;
    EXPECT_EQ(domain_.ranges(), before);
    EXPECT_EQ(slab_.live(), live);
    EXPECT_EQ(domain_.state(), state);
  }
  void alloc(uint64_t size) {
    whole([&] {
      const iova_grant grant = domain_.alloc(size, lim32, true);
      if (grant) live_.push_back(grant);
      return static_cast<bool>(grant);
    });
  }
  void reserve(uint64_t pfn) {
    whole([&] { return domain_.reserve(pfn, pfn + 3); });
  }
  void split() {
    const iova_grant grant = domain_.alloc(16, lim32, true);
    if (!grant) return;
    whole([&] {
      const auto cut = domain_.split_and_remove_iova(grant, grant.pfn_lo + 4, grant.pfn_lo + 7);
      if (cut) {
        domain_.free_iova(grant.pfn_lo);
        domain_.free_iova(grant.pfn_lo + 8);
      } else {
        EXPECT_EQ(domain_.range(grant).lo, grant.pfn_lo) << "still a node";
      }
      return cut.has_value();
    });
    domain_.free_iova(grant.pfn_lo);
  }
  void alloc_fast() {
    whole([&] {
      const uint64_t pfn = domain_.alloc_fast(0, 1, lim32, false);
      if (pfn != no_iova) fast_.push_back(pfn);
      return pfn != no_iova;
    });
  }
  // Without memory for a magazine the range goes back to the tree.
  void free_fast() {
    const uint64_t pfn = fast_.back();
    fast_.pop_back();
    if (!memory_may_fail()) {
      domain_.free_fast(0, pfn, 1);
      return;
    }
    const auto before = domain_.ranges();
    domain_.free_fast(0, pfn, 1);
    const auto after = domain_.ranges();
    EXPECT_TRUE(after.size() == before.size() ||
                (after.size() + 1 == before.size() && !domain_.find(pfn)));
  }

  // A step takes at most two nodes.
  [[nodiscard]] bool memory_may_fail() const {
    return slab_.allocations() <= fails_after_ && slab_.allocations() + 2 > fails_after_;
  }

  linux_iova_domain& domain_;
  slab_failures& slab_;
  const uint64_t fails_after_;
  std::vector<iova_grant> live_;
  std::vector<uint64_t> fast_;
};

TEST_P(linux_versions, stay_whole_whichever_allocation_of_memory_fails) {
  slab_failures slab;
  uint64_t all = 0;
  {
    const auto domain = make({.failures = &slab});
    const uint64_t made = slab.allocations();
    script(*domain, slab, 0).run();
    all = slab.allocations() - made;
  }
  EXPECT_EQ(slab.live(), 0);
  ASSERT_GT(all, 400u);
  for (uint64_t n = 1; n <= all; ++n) {
    const auto domain = make({.failures = &slab});
    script(*domain, slab, n).run();
    EXPECT_TRUE(ascend_apart(domain->ranges()));
    slab.fail_never();
    if (testing::Test::HasFailure()) FAIL() << "when allocation " << n << " fails";
  }
  EXPECT_EQ(slab.live(), 0);
}

TEST_P(linux_versions, are_not_made_without_memory_for_their_caches) {
  slab_failures slab;
  const uint64_t magazines = is_4_4() ? 0 : 2 * 6 * 3;
  for (uint64_t n = 1; n <= magazines; ++n) {
    slab.fail_at(n);
    EXPECT_EQ(make_linux_iova_domain(GetParam(), {.cpus = 3, .failures = &slab}), nullptr);
    EXPECT_EQ(slab.live(), 0);
  }
  slab.fail_at(magazines + 1);
  const auto domain = make({.cpus = 3, .failures = &slab});
  EXPECT_FALSE(domain->alloc(1, lim32, true));
  if (is_4_4()) return;
  slab.fail_at(1);
  EXPECT_FALSE(domain->init_rcaches(2));
  EXPECT_NE(domain->alloc_fast(0, 1, lim32, true), no_iova) << "without caches, from the tree";
}

TEST_P(linux_versions, have_a_cache_line_for_each_range) {
  const auto domain = make();
  const uint64_t empty = domain->counters().node_bytes;
  std::vector<iova_grant> live;
  live.reserve(1000);
  for (int i = 0; i < 1000; ++i) live.push_back(domain->alloc(1, lim32, true));
  EXPECT_EQ(domain->counters().nodes, 1000u);
  EXPECT_EQ(domain->counters().node_bytes - empty, 64'000u);
  for (const iova_grant& grant : live) domain->free(grant, 1);
  EXPECT_EQ(domain->counters().nodes, 0u);
  EXPECT_EQ(domain->counters().node_bytes, empty);
}

TEST_P(linux_versions, have_magazines_of_a_kilobyte) {
  const auto domain = make({.cpus = 1});
  const auto two = make({.cpus = 2});
  if (is_4_4()) {
    EXPECT_EQ(two->counters().node_bytes, 0u);
    return;
  }
  const uint64_t magazine = is_6() ? 1024 : 1032;
  const uint64_t pointers = 64;
  EXPECT_EQ(two->counters().node_bytes - domain->counters().node_bytes,
            6 * (2 * magazine + pointers));
  const std::vector<uint64_t> pfns = alloc_fast(*domain, 0, 1, uint64_t{3} * 128);
  for (const uint64_t pfn : pfns) domain->free_fast(0, pfn, 1);
  const uint64_t nodes = domain->counters().nodes * 64;
  const uint64_t third = domain->depot_sizes()[0];
  EXPECT_EQ(third, is_6() ? 2u : 1u) << "384 are three magazines of 128, or of 127 and a rest";
  EXPECT_EQ(domain->counters().node_bytes - nodes,
            make({.cpus = 1})->counters().node_bytes + third * magazine);
}

// n pages without a hole below 4 GiB; of the topmost ones, the one at `hole` from the top is freed
// and two pages are asked for, which fit nowhere but below all.
TEST_P(linux_versions, visit_every_range_below_the_hole_in_the_linear_search) {
  for (const uint64_t n : {uint64_t{100}, uint64_t{3000}}) {
    const auto domain = make({.host = lab_host_kind::counting});
    std::vector<iova_grant> live;
    for (uint64_t i = 0; i < n; ++i) live.push_back(domain->alloc(1, lim32, true));
    const uint64_t hole = 5;
    domain->free(live[hole], 1);
    const iova_counters before = domain->counters();
    EXPECT_EQ(domain->alloc(2, lim32, false).pfn_lo, lim32 - n - 1);
    const iova_counters after = domain->counters();
    EXPECT_EQ(after.searches - before.searches, 1u);
    // Since 4.15 the walk begins with the range above the hole, before that with the one below it.
    const uint64_t below = n - hole - 1;
    const bool anchored = is_6() || GetParam() == "v4_19";
    EXPECT_EQ(after.nodes_visited - before.nodes_visited, below + (anchored ? 1 : 0));
    EXPECT_EQ(after.longest_search, below + (anchored ? 1 : 0));
  }
}

TEST_P(linux_versions, visit_every_range_for_another_limit_until_4_14) {
  const auto domain = make({.host = lab_host_kind::counting});
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(domain->alloc(1, 0xfffffffff, true));
  const uint64_t before = domain->counters().nodes_visited;
  ASSERT_TRUE(domain->alloc(1, 0xfffffffff, true));
  const bool anchored = is_6() || GetParam() == "v4_19";
  EXPECT_EQ(domain->counters().nodes_visited - before, anchored ? 1u : 1000u);
}

TEST_P(linux_versions, count_what_the_caches_answer_and_the_locks) {
  const auto domain = make({.host = lab_host_kind::counting});
  ASSERT_TRUE(domain->reserve(lim32, lim32));  // the limit itself is nothing that 4.9's caches give
  const uint64_t pfn = domain->alloc_fast(0, 1, lim32, true);
  domain->free_fast(0, pfn, 1);
  const iova_counters before = domain->counters();
  EXPECT_EQ(domain->alloc_fast(0, 1, lim32, true), pfn);
  const iova_counters after = domain->counters();
  EXPECT_EQ(before.cache_misses, is_4_4() ? 0u : 1u);
  EXPECT_EQ(after.cache_hits - before.cache_hits, is_4_4() ? 0u : 1u);
  EXPECT_EQ(after.searches - before.searches, is_4_4() ? 1u : 0u);
  // One to allocate, and one that counters() takes itself.
  EXPECT_EQ(after.lock_acquisitions - before.lock_acquisitions, 2u);
}

// Against a sorted list: whatever a version gives out is free, below the limit and aligned.
TEST_P(linux_versions, give_out_only_what_is_free) {
  const auto domain = make({.cpus = 2});
  struct held {
    iova_grant grant;
    uint64_t size;
    bool fast;
  };
  std::vector<held> live;
  std::set<std::pair<uint64_t, uint64_t>> used;  // lowest, highest
  std::mt19937 random(GetParam().size());
  for (int i = 0; i < 20000; ++i) {
    if (!live.empty() && random() % 100 < 48) {
      std::swap(live[random() % live.size()], live.back());
      const held h = live.back();
      live.pop_back();
      used.erase({h.grant.pfn_lo, h.grant.pfn_lo + h.size - 1});
      if (h.fast) {
        domain->free_fast(random() % 2, h.grant.pfn_lo, h.size);
      } else {
        domain->free(h.grant, h.size);
      }
      continue;
    }
    const uint64_t size = 1 + random() % 70;
    // 4.9's caches look at the lowest frame alone.
    const bool small_limit = random() % 4 == 0 && GetParam() != "v4_9";
    const uint64_t limit = small_limit ? 0x3fff + random() % 0x4000 : lim32;
    const bool fast = random() % 2 == 0;
    const iova_grant grant = fast ? iova_grant{domain->alloc_fast(random() % 2, size, limit, true)}
                                  : domain->alloc(size, limit, true);
    if (!grant) continue;
    const uint64_t hi = grant.pfn_lo + size - 1;
    ASSERT_LE(hi, limit);
    ASSERT_EQ(grant.pfn_lo % std::bit_ceil(size), 0u);
    const auto above = used.lower_bound({grant.pfn_lo, 0});
    ASSERT_TRUE(above == used.end() || above->first > hi);
    ASSERT_TRUE(above == used.begin() || std::prev(above)->second < grant.pfn_lo);
    used.insert({grant.pfn_lo, hi});
    live.push_back({grant, size, fast});
  }
  EXPECT_TRUE(ascend_apart(domain->ranges()));
  EXPECT_GE(domain->ranges().size(), used.size());
}

}  // namespace
}  // namespace iommulab::versions_test
