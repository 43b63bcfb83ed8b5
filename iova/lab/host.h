// SPDX-License-Identifier: GPL-2.0-only
//
// What an engine runs on: its locks, its counting, and the failures of its memory. An engine is a
// class template over its host, so what a host does not do costs nothing.
//
// An engine
// - holds `Host::lock_type`s, and takes each through `lab_guard`, which counts;
// - calls `host.counts.…` where it does what is counted, holding the lock that guards it;
// - gets its nodes from a node_pool (lab/node_pool.h), which asks `host.failures`.
#pragma once

#include <cstdint>

#include "core/slab.h"
#include "core/spin_lock.h"
#include "iova/lab/counters.h"
#include "iova/lab/no_lock.h"

namespace iommulab {

/// Counts nothing.
struct no_counts {
  static constexpr bool counting = false;
  void search_begins() {}
  void node_visited() {}
  void search_ends() {}
  void lock_taken() {}
  void cache_hit() {}
  void cache_missed() {}
  void add_to(iova_counters&) const {}
};

/// Counts as iova_counters says.
class counts {
 public:
  static constexpr bool counting = true;
  void search_begins() {
    ++sum_.searches;
    visited_ = 0;
  }
  void node_visited() { ++visited_; }
  void search_ends() {
    sum_.nodes_visited += visited_;
    if (visited_ > sum_.longest_search) sum_.longest_search = visited_;
  }
  void lock_taken() { ++sum_.lock_acquisitions; }
  void cache_hit() { ++sum_.cache_hits; }
  void cache_missed() { ++sum_.cache_misses; }
  void add_to(iova_counters& total) const {
    total.searches += sum_.searches;
    total.nodes_visited += sum_.nodes_visited;
    total.lock_acquisitions += sum_.lock_acquisitions;
    total.cache_hits += sum_.cache_hits;
    total.cache_misses += sum_.cache_misses;
    if (sum_.longest_search > total.longest_search) total.longest_search = sum_.longest_search;
  }

 private:
  iova_counters sum_;
  uint64_t visited_ = 0;  // by the search under way
};

/// `failures` may be null: memory never runs out then, and nothing is asked.
template <class Lock, class Counts>
struct lab_host {
  using lock_type = Lock;
  using counts_type = Counts;
  slab_failures* failures = nullptr;
};

/// One thread, nothing counted: for timing one.
using bare_host = lab_host<no_lock, no_counts>;
/// One thread, everything counted.
using counting_host = lab_host<no_lock, counts>;
/// Any number of threads, nothing counted: for timing them.
using threaded_host = lab_host<spin_lock, no_counts>;

/// Holds a lock of an engine, and counts that in what the lock guards.
template <class Lock, class Counts>
class [[nodiscard]] ABSL_SCOPED_LOCKABLE lab_guard {
 public:
  lab_guard(Lock& lock, Counts& counted) ABSL_EXCLUSIVE_LOCK_FUNCTION(lock) : lock_(lock) {
    lock_.lock();
    counted.lock_taken();
  }
  ~lab_guard() ABSL_UNLOCK_FUNCTION() { lock_.unlock(); }
  lab_guard(const lab_guard&) = delete;
  lab_guard& operator=(const lab_guard&) = delete;

 private:
  Lock& lock_;
};

}  // namespace iommulab
