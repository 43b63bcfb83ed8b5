// SPDX-License-Identifier: GPL-2.0-only
//
// The patterns by name.
#pragma once

#include <string_view>

#include "bench/iova/cache_patterns.h"
#include "bench/iova/tree_patterns.h"
#include "iova/lab/range.h"

namespace iommulab::patterns {

struct pattern_kind {
  std::string_view name;
  iova_space space = {};
  bool locks = false;         ///< the allocator is built with locks
  unsigned threads = 1;       ///< each a processor of its own
  bool range_caches = false;  ///< means something only with them
  uint64_t batch = 1024;      ///< operations worth running at once: some microseconds
};

/// Calls f(kind, pattern) for each; the pattern is not set up, and may be copied.
template <class F>
void for_each_pattern(F f) {
  constexpr uint64_t k = 1024;
  constexpr uint64_t million = 1'000'000;  // a little less than all pages below 4 GiB

  f({"pair/0/lim32"}, pair(0, lim32));
  f({"pair/256/lim32"}, pair(256, lim32));
  f({"pair/4k/lim32"}, pair(4 * k, lim32));
  f({"pair/64k/lim32"}, pair(64 * k, lim32));
  f({"pair/1M/lim32"}, pair(million, lim32));
  f({"pair/4k/lim48"}, pair(4 * k, lim48));
  f({"pair/64k/lim48"}, pair(64 * k, lim48));
  f({"pair/1M/lim48"}, pair(million, lim48));

  f({"ring/4k/lim32"}, ring(4 * k, lim32));
  f({"ring/1M/lim32"}, ring(million, lim32));
  f({"ring/4k/lim48"}, ring(4 * k, lim48));

  f({"random/256"}, random(256));
  f({"random/4k"}, random(4 * k));

  f({"failing/4k", {.start_pfn = lim32 + 1 - failing::pages}}, failing());
  f({.name = "fill_drain/4k", .batch = fill_and_drain::unit}, fill_and_drain());

  f({.name = "linear/4k", .batch = 16}, linear(4 * k, false));
  f({.name = "linear/64k", .batch = 1}, linear(64 * k, false));
  f({.name = "linear/64k/scattered", .batch = 1}, linear(64 * k, true));

  f({"find/4k"}, find(4 * k));
  f({"find/1M"}, find(million));

  f({.name = "fast_pair/4k", .range_caches = true}, fast_pair(4 * k));
  f({.name = "fast_ring/4k", .range_caches = true}, fast_ring(4 * k));
  f({.name = "fast_random/4k", .range_caches = true}, fast_random(4 * k));

  f({.name = "locked_pair/4k", .locks = true}, pair(4 * k, lim32));
  f({.name = "locked_ring/4k/2", .locks = true, .threads = 2}, ring(4 * k, lim32, 2));
  f({.name = "locked_fast_pair/4k", .locks = true, .range_caches = true}, fast_pair(4 * k));
  f({.name = "locked_fast_pair/4k/2", .locks = true, .threads = 2, .range_caches = true},
    fast_pair(4 * k));
}

}  // namespace iommulab::patterns
