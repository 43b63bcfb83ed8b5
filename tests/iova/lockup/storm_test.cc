// SPDX-License-Identifier: GPL-2.0-only
//
// Storms against arithmetic on what an allocator made for the test visits, and the study against
// trying every population.
#include "iova/lockup/storm.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "iova/allocators.h"
#include "iova/lockup/storm_recorder.h"
#include "iova/lockup/study.h"
#include "iova/trace/linux_player.h"
#include "iova/trace/trace_reader.h"

namespace iommulab::storm_test {
namespace {

// First fit from the top over a sorted list; a search is said to visit every range in use, always.
class plain_allocator : public iova_allocator {
 public:
  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) override {
    sum_.nodes_visited += used_.size();
    uint64_t align = 1;
    while (size_aligned && align < size) align *= 2;
    uint64_t end = limit_pfn + 1;  // the hole looked at ends before
    for (auto at = used_.rbegin();; ++at) {
      const uint64_t begin = at == used_.rend() ? 1 : at->second + 1;
      if (end >= size && (end - size) / align * align >= begin) {
        const uint64_t lo = (end - size) / align * align;
        used_[lo] = lo + size - 1;
        return {lo, nullptr};
      }
      if (at == used_.rend()) return {};
      end = std::min(end, at->first);
    }
  }
  void free(iova_grant grant, uint64_t) override { used_.erase(grant.pfn_lo); }
  uint64_t alloc_fast(unsigned, uint64_t, uint64_t, bool) override { return no_iova; }
  void free_fast(unsigned, uint64_t, uint64_t) override {}
  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) override {
    used_[pfn_lo] = pfn_hi;
    return true;
  }
  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const override {
    auto at = used_.upper_bound(frame);
    if (at == used_.begin()) return {};
    --at;
    if (at->second < frame) return {};
    return iova_range{at->first, at->second};
  }
  [[nodiscard]] std::vector<iova_range> ranges() const override {
    std::vector<iova_range> all;
    for (const auto& [lo, hi] : used_) all.push_back({lo, hi});
    return all;
  }
  [[nodiscard]] iova_counters counters() const override { return sum_; }

 private:
  std::map<uint64_t, uint64_t> used_;
  iova_counters sum_;
};

constexpr iova_catalogue_entry plain = {
    .name = "plain",
    .summary = "for tests",
    .source = "",
    .range_caches = false,
    .thread_safe = false,
    .make = [](const iova_setup&) -> std::unique_ptr<iova_allocator> {
      return std::make_unique<plain_allocator>();
    }};

const lockup_pattern& pattern(std::string_view name) {
  const lockup_pattern* found = find_lockup_pattern(name);
  if (found == nullptr) ADD_FAILURE() << "no pattern " << name;
  return *found;
}

TEST(storm, holds_the_lock_for_base_and_nodes_visited) {
  // One processor: an allocation that visits the 100 mappings, and a free that visits none.
  const storm_options options = {.shape = {.cpus = 1, .batch = 10},
                                 .costs = {.base_ps = 7, .scan_ps = 3}};
  const storm_result storm = run_storm(plain, pattern("narrow31"), 100, options);
  ASSERT_EQ(storm.start, storm_start::ready);
  EXPECT_EQ(storm.calls, 20U);
  EXPECT_EQ(storm.allocations, 10U);
  EXPECT_EQ(storm.failures, 0U);
  EXPECT_EQ(storm.nodes_visited, 1000U);
  EXPECT_EQ(storm.longest_search, 100U);
  EXPECT_EQ(storm.queue.held_ps, 20 * 7U + 1000 * 3U);
  EXPECT_EQ(storm.queue.worst_stretch_ps(), 0U) << "nobody else holds the lock";
}

TEST(storm, two_processors_wait_for_each_other) {
  // One maps while the other unmaps. Number 0 begins with an allocation, which finds the mapping
  // that number 1 has already: 101 nodes. From then on the other has unmapped when one maps.
  constexpr uint64_t batch = 10;
  const storm_options options = {.shape = {.cpus = 2, .batch = batch},
                                 .costs = {.base_ps = 0, .scan_ps = 1}};
  const storm_result storm = run_storm(plain, pattern("narrow31"), 100, options);
  EXPECT_EQ(storm.longest_search, 101U);
  // Number 1's frees wait for number 0's maps: the first of them sees 101, those that follow too,
  // as number 1 holds a mapping whenever number 0 maps.
  EXPECT_EQ(storm.queue.cpus[1].worst_stretch_ps, batch * 101);
  EXPECT_EQ(storm.queue.worst_cpu(), 1U);
}

TEST(storm, repeats_what_calls_took) {
  storm_options options = {.shape = {.cpus = 4, .batch = 50},
                           .costs = {.base_ps = 11, .scan_ps = 5}};
  const storm_result every = run_storm(plain, pattern("narrow31"), 200, options);
  options.most_calls = 64;
  const storm_result rough = run_storm(plain, pattern("narrow31"), 200, options);
  EXPECT_EQ(rough.calls, 64U);
  EXPECT_EQ(rough.calls + rough.repeated, every.calls);
  EXPECT_EQ(rough.queue.turns(), every.queue.turns());
  EXPECT_NEAR(static_cast<double>(rough.queue.held_ps), static_cast<double>(every.queue.held_ps),
              0.02 * static_cast<double>(every.queue.held_ps));
}

TEST(storm, says_why_there_was_none) {
  storm_options options = {.shape = {.cpus = 1, .batch = 1}};
  options.most_build_visits = 1000;
  EXPECT_EQ(run_storm(plain, pattern("narrow31"), 4096, options).start, storm_start::too_slow);
  options.most_build_visits = ~uint64_t{0};
  const iova_catalogue_entry full = {
      .name = "full",
      .summary = "",
      .source = "",
      .range_caches = false,
      .thread_safe = false,
      .make = [](const iova_setup&) -> std::unique_ptr<iova_allocator> {
        auto allocator = std::make_unique<plain_allocator>();
        allocator->reserve(50, 0xfffffffff);
        return allocator;
      }};
  EXPECT_EQ(run_storm(full, pattern("narrow31"), 64, options).start, storm_start::no_room);
}

TEST(storm, every_pattern_has_the_mappings_it_says) {
  // Hears what is live when the storm begins: nothing but the population, the reserved range, and
  // what processors that begin in the middle of the pattern have done.
  class census : public lockup_listener {
   public:
    void reserved(const iova_range&) override {}
    void allocated(uint64_t id, uint64_t, uint64_t, bool, const iova_range& got) override {
      if (got.lo != no_iova) live.insert(id);
    }
    void freed(uint64_t id) override { live.erase(id); }
    std::set<uint64_t> live;
  };
  for (const lockup_pattern* each : lockup_patterns()) {
    for (const uint64_t population : {64U, 128U, 1024U}) {
      const lockup_shape shape = {.cpus = 3, .batch = 4};
      census counted;
      lockup_domain domain(plain.make({}), &counted);
      ASSERT_TRUE(each->populate(domain, population, shape)) << each->name();
      EXPECT_EQ(counted.live.size(), population) << each->name();
    }
  }
}

TEST(storm, patterns_fit_as_many_as_they_say_in_linux) {
  const iova_catalogue_entry* v6_12 = find_iova_allocator("v6_12");
  ASSERT_NE(v6_12, nullptr);
  for (const char* name : {"linear32", "exhausted32", "narrow31"}) {
    for (const lockup_shape shape : {lockup_shape{64, 64}, lockup_shape{16, 2000}}) {
      const uint64_t most = pattern(name).capacity(shape);
      EXPECT_LE(most, uint64_t{1} << 20);
      lockup_domain domain(v6_12->make({}), nullptr);
      EXPECT_TRUE(pattern(name).populate(domain, most, shape)) << name << " " << most;
    }
  }
}

// The 64 frames never fit below 4 GiB, and the search for them passes every mapping there: that is
// what the pattern is for.
TEST(storm, exhausted32_searches_all_in_linux) {
  const storm_options options = {.shape = {.cpus = 1, .batch = 8}};
  const storm_result storm =
      run_storm(*find_iova_allocator("v6_12"), pattern("exhausted32"), 1024, options);
  EXPECT_EQ(storm.allocations, 3 * 8U);
  EXPECT_EQ(storm.failures, 8U);
  EXPECT_GE(storm.longest_search, 1024U);
  EXPECT_GE(storm.nodes_visited, 8 * 1024U);
}

TEST(study, agrees_with_trying_every_population) {
  lockup_question question;
  question.allocator = &plain;
  question.patterns = {&pattern("narrow31")};
  question.costs = [](uint64_t) { return lockup_costs{.base_ps = 1000, .scan_ps = 1000}; };
  question.most_mappings = 1024;
  for (const uint64_t limit_ns : {500U, 3000U, 9999U, 20000U, 500000U, 50000000U}) {
    for (const lockup_shape shape : {lockup_shape{2, 8}, lockup_shape{5, 4}}) {
      question.storm.shape = shape;
      question.storm.limit_ps = limit_ns * picoseconds_a_nanosecond;
      std::optional<uint64_t> smallest;
      for (uint64_t n = lockup_resolution; n <= question.most_mappings && !smallest;
           n += lockup_resolution) {
        storm_options options = question.storm;
        options.costs = question.costs(n);
        if (run_storm(plain, pattern("narrow31"), n, options).past_limit()) smallest = n;
      }
      const lockup_answer found = answer(question);
      const lockup_finding& finding = found.findings.front();
      EXPECT_EQ(finding.reached, smallest.has_value()) << limit_ns << " ns";
      EXPECT_EQ(found.best.has_value(), smallest.has_value());
      if (!smallest) {
        EXPECT_EQ(finding.largest_tried, question.most_mappings);
        continue;
      }
      EXPECT_GE(finding.population, *smallest);
      EXPECT_LE(finding.population - *smallest,
                std::max(lockup_resolution, *smallest / lockup_precision));
      EXPECT_TRUE(finding.storm.past_limit());
      EXPECT_EQ(finding.storm.repeated, 0U) << "confirmed with every call made";
    }
  }
}

TEST(study, other_patterns_are_tried_only_below_the_best) {
  lockup_question question;
  question.allocator = &plain;
  question.patterns = {&pattern("narrow31"), &pattern("low32")};
  question.costs = [](uint64_t) { return lockup_costs{.base_ps = 1000, .scan_ps = 1000}; };
  question.most_mappings = 4096;
  question.storm.shape = {2, 8};
  question.storm.limit_ps = 5000 * picoseconds_a_nanosecond;
  const lockup_answer found = answer(question);
  ASSERT_EQ(found.best, 0U);
  EXPECT_EQ(found.findings[1].bound, lockup_bound::better);
  EXPECT_LT(found.findings[1].largest_tried, found.findings[0].population);
}

// What the listener keeps is what the allocator of that version does when asked again.
TEST(storm_recorder, a_storm_on_linux_replays_without_a_difference) {
  for (const char* name : {"v4_4", "v4_9", "v4_19", "v6_1", "v6_12"}) {
    const iova_trace_version* version = find_iova_trace_version(name);
    ASSERT_NE(version, nullptr);
    for (const lockup_pattern* each : lockup_patterns()) {
      const iova_space space;
      storm_recorder listener("test", std::string(version->recorded), space,
                              version->dma32_is_behind ? 0x100000 : 0xfffff);
      const storm_options options = {.shape = {.cpus = 5, .batch = 6}};
      const storm_result storm =
          run_storm(*find_iova_allocator(name), *each, 512, options, &listener);
      ASSERT_EQ(storm.start, storm_start::ready) << each->name();
      const auto trace = parse_iova_trace("test", iova_trace_text(listener.trace()));
      ASSERT_TRUE(trace.ok()) << trace.status();
      const auto replay = play_on_linux(*trace, *version);
      ASSERT_TRUE(replay.ok()) << replay.status();
      EXPECT_FALSE(replay->difference.has_value()) << name << " " << each->name() << "\n"
                                                   << iova_difference_text(*replay->difference);
      EXPECT_EQ(replay->operations, listener.trace().steps.size());
    }
  }
}

}  // namespace
}  // namespace iommulab::storm_test
