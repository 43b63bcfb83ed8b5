// SPDX-License-Identifier: GPL-2.0-only
#include "iova/iova.h"

#include <algorithm>
#include <cerrno>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "iova/iova_fixture.h"

namespace iommulab::iova_tests {
namespace {

constexpr uint64_t last_32bit = 0xfffff;

class iova_domain_test : public iova_test {
 protected:
  iova_domain_test() { init_iova_domain(iovad_, page_size, 1, last_32bit); }
  void TearDown() override {
    put_iova_domain(iovad_);
    iova_test::TearDown();
  }
  std::vector<iova_range> ranges(iova_domain& d) {
    const spin_guard guard(d.iova_rbtree_lock);
    std::vector<iova_range> all;
    for (const iova& i : d.ranges.tree) all.push_back({i.pfn_lo, i.pfn_hi});
    return all;
  }
  iova_domain iovad_{cache_};
};

// Calls by name and nesting, with the notes, one a line: "  alloc_iova_mem", "  /* … */".
std::string call_tree(const trace_recorder& recorder) {
  std::string out;
  for (const trace_event& e : recorder.events()) {
    const std::string indent(size_t{2} * e.depth, ' ');
    if (e.kind() == trace_kind::call_enter) out += indent + std::string(e.function()) + "\n";
    if (const auto* n = e.as<events::note>()) out += indent + "/* " + n->text + " */\n";
  }
  return out;
}

TEST_F(iova_domain_test, converts_between_addresses_and_frames) {
  iova i;
  i.pfn_lo = 0xfffe0;
  i.pfn_hi = 0xfffff;
  EXPECT_EQ(iova_size(i), 0x20u);
  EXPECT_EQ(iova_shift(iovad_), 12u);
  EXPECT_EQ(iova_dma_addr(iovad_, i), dma_addr(0xfffe0000));
  EXPECT_EQ(iova_pfn(iovad_, dma_addr(0xfffe0fff)), 0xfffe0u);
  EXPECT_EQ(iova_offset(iovad_, dma_addr(0xfffe0fff)), 0xfffu);
  EXPECT_EQ(iova_align(iovad_, 1), 0x1000u);
}

TEST_F(iova_domain_test, never_gives_out_the_start_frame) {
  init_iova_domain(iovad_, page_size, 0x10, last_32bit);
  EXPECT_EQ(alloc_iova(iovad_, 5, 0x14, false), nullptr);
  const iova* range = alloc_iova(iovad_, 4, 0x14, false);
  ASSERT_NE(range, nullptr);
  EXPECT_EQ(range->pfn_lo, 0x11u);
  EXPECT_EQ(alloc_iova(iovad_, 1, 0x14, false), nullptr);
}

TEST_F(iova_domain_test, refuses_sizes_that_cannot_be) {
  EXPECT_EQ(alloc_iova(iovad_, 0, last_32bit, true), nullptr);
  EXPECT_EQ(alloc_iova(iovad_, last_32bit + 1, last_32bit, true), nullptr);
  EXPECT_EQ(alloc_iova(iovad_, UINT64_MAX, last_32bit, false), nullptr);
}

TEST_F(iova_domain_test, finds_no_room_below_a_range_at_frame_zero) {
  ASSERT_NE(reserve_iova(iovad_, 0, 0xf), nullptr);
  ASSERT_NE(alloc_iova(iovad_, 0xf0, 0xff, false), nullptr);
  EXPECT_EQ(alloc_iova(iovad_, 1, 0xff, false), nullptr);
}

TEST_F(iova_domain_test, frees_by_any_frame_of_a_range) {
  const iova* range = alloc_iova(iovad_, 8, last_32bit, true);
  const uint64_t middle = range->pfn_lo + 4;
  free_iova(iovad_, middle);
  EXPECT_EQ(find_iova(iovad_, middle), nullptr);
  free_iova(iovad_, middle);  // nothing there: nothing happens
  EXPECT_TRUE(ranges(iovad_).empty());
}

TEST_F(iova_domain_test, copies_reservations_and_reports_what_it_cannot) {
  reserve_iova(iovad_, 0xfee00, 0xfeeff);
  reserve_iova(iovad_, 0xfea00, 0xfeaff);
  iova_domain other(cache_);
  init_iova_domain(other, page_size, 1, last_32bit);
  slab_.fail_at(2);
  copy_reserved_iova(iovad_, other);
  EXPECT_EQ(ranges(other), (std::vector<iova_range>{{0xfea00, 0xfeaff}}));
  ASSERT_EQ(env_.log.lines().size(), 1u);
  EXPECT_EQ(env_.log.lines()[0].text, "Reserve iova range fee00@fee00 failed");
  EXPECT_EQ(env_.log.lines()[0].level, log_level::err);
  put_iova_domain(other);
}

// With a listener every node is asked, as the kernel does; without one the search begins where it
// can matter.
TEST_F(iova_domain_test, reserves_the_same_whether_somebody_listens_or_not) {
  environment heard;
  slab_failures slab;
  iova_cache cache(heard.trace, heard.log, slab);
  ASSERT_EQ(iova_cache_get(cache), 0);
  trace_recorder calls;
  const trace_subscription hearing = heard.trace.subscribe(calls, trace_class::calls);
  iova_domain followed(cache);
  init_iova_domain(followed, page_size, 1, last_32bit);
  std::mt19937 chance(1);
  const auto pick = [&](uint64_t below) {
    return std::uniform_int_distribution<uint64_t>(0, below - 1)(chance);
  };
  for (int i = 0; i < 400; ++i) {
    const uint64_t lo = pick(0x1000);
    const uint64_t hi = lo + pick(8);
    if (pick(4) == 0) {
      free_iova(iovad_, lo);
      free_iova(followed, lo);
    } else {
      const iova* mine = reserve_iova(iovad_, lo, hi);
      const iova* theirs = reserve_iova(followed, lo, hi);
      EXPECT_EQ(mine->pfn_lo, theirs->pfn_lo);
      EXPECT_EQ(mine->pfn_hi, theirs->pfn_hi);
    }
    ASSERT_EQ(ranges(iovad_), ranges(followed)) << i;
  }
  EXPECT_GT(ranges(iovad_).size(), 50u);
  put_iova_domain(followed);
  iova_cache_put(cache);
}

TEST_F(iova_domain_test, leaves_everything_as_it_was_when_memory_runs_out) {
  iova* range = alloc_iova(iovad_, 16, last_32bit, true);
  const auto before = ranges(iovad_);
  const int64_t live = slab_.live();
  for (const uint64_t n : {uint64_t{1}, uint64_t{2}}) {
    slab_.fail_at(n);
    EXPECT_EQ(split_and_remove_iova(iovad_, range, 0xffff4, 0xffff8), nullptr);
    EXPECT_EQ(ranges(iovad_), before);
    EXPECT_EQ(slab_.live(), live);
  }
  slab_.fail_at(1);
  EXPECT_EQ(alloc_iova(iovad_, 1, last_32bit, true), nullptr);
  slab_.fail_at(1);
  EXPECT_EQ(reserve_iova(iovad_, 5, 6), nullptr);
  EXPECT_EQ(ranges(iovad_), before);
  EXPECT_EQ(slab_.live(), live);
}

TEST_F(iova_domain_test, keeps_the_rest_of_a_split_range_in_use) {
  iova* range = alloc_iova(iovad_, 16, last_32bit, true);
  iova* removed = split_and_remove_iova(iovad_, range, 0xffff4, 0xffff8);
  ASSERT_EQ(removed, range);
  EXPECT_EQ(removed->pfn_lo, 0xffff4u);
  EXPECT_EQ(removed->pfn_hi, 0xffff8u);
  EXPECT_EQ(ranges(iovad_), (std::vector<iova_range>{{0xffff0, 0xffff3}, {0xffff9, 0xfffff}}));
  free_iova_mem(cache_, removed);
}

TEST_F(iova_domain_test, traces_the_kernels_call_tree_and_notes) {
  trace_recorder recorder;
  const trace_subscription subscription = env_.trace.subscribe(recorder, trace_class::calls);
  free_iova(iovad_, alloc_iova(iovad_, 0x20, last_32bit, true));
  // As a 4.4 kernel's function graph shows a mapping and its unmapping.
  EXPECT_EQ(call_tree(recorder),
            "alloc_iova\n"
            "  alloc_iova_mem\n"
            "  __alloc_and_insert_iova_range\n"
            "    __get_cached_rbnode\n"
            "    iova_get_pad_size\n"
            "    __cached_rbnode_insert_update\n"
            "  /* alloc_iova size=0x20 limit_pfn=0xfffff aligned=1 -> lo=0xfffe0 hi=0xfffff */\n"
            "__free_iova\n"
            "  /* free_iova lo=0xfffe0 hi=0xfffff */\n"
            "  __cached_rbnode_delete_update\n"
            "  free_iova_mem\n");
}

TEST_F(iova_domain_test, traces_ranges_as_events) {
  trace_recorder recorder;
  const trace_subscription subscription = env_.trace.subscribe(recorder, trace_class::iova);
  reserve_iova(iovad_, 0xfee00, 0xfeeff);
  free_iova(iovad_, alloc_iova(iovad_, 1, last_32bit, true));
  ASSERT_EQ(recorder.events().size(), 3u);
  const auto range = [&](size_t i) { return *recorder.events()[i].as<events::iova_range>(); };
  EXPECT_EQ(range(0).action, events::range_action::reserve);
  EXPECT_EQ(range(0).low_pfn, 0xfee00u);
  EXPECT_EQ(range(0).high_pfn, 0xfeeffu);
  EXPECT_EQ(range(1).action, events::range_action::alloc);
  EXPECT_EQ(range(2).action, events::range_action::free);
  EXPECT_EQ(range(2).low_pfn, last_32bit);
}

TEST_F(iova_domain_test, keeps_ranges_apart_under_many_threads) {
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([this, seed] {
      std::mt19937 random(seed);
      std::vector<iova*> mine;
      for (int i = 0; i < 2000; ++i) {
        if (random() % 2 == 0 || mine.empty()) {
          mine.push_back(alloc_iova(iovad_, 1 + random() % 16, last_32bit, true));
        } else {
          free_iova(iovad_, mine.back());
          mine.pop_back();
        }
      }
    });
  }
  for (std::thread& t : threads) t.join();
  uint64_t free_from = 0;
  for (const iova_range& r : ranges(iovad_)) {
    EXPECT_GE(r.lo, free_from);
    free_from = r.hi + 1;
  }
}

TEST_F(iova_test, counts_the_users_of_the_cache) {
  EXPECT_EQ(iova_cache_get(cache_), 0);
  iova_cache_put(cache_);
  EXPECT_TRUE(env_.log.lines().empty());
}

TEST_F(iova_test, says_when_the_cache_cannot_be_made_or_has_no_users) {
  iova_cache other(env_.trace, env_.log, slab_);
  slab_.fail_at(1);
  EXPECT_EQ(iova_cache_get(other), -ENOMEM);
  ASSERT_EQ(env_.log.lines().size(), 1u);
  EXPECT_EQ(env_.log.lines()[0].text, "Couldn't create iova cache");
  iova_cache_put(other);
  EXPECT_GT(env_.log.lines().size(), 1u);
}

}  // namespace
}  // namespace iommulab::iova_tests
