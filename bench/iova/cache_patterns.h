// SPDX-License-Identifier: GPL-2.0-only
//
// The patterns of alloc_fast and free_fast, which go through the range caches. Their form is that
// of tree_patterns.h.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "bench/iova/pattern_ground.h"
#include "iova/lab/allocator.h"

namespace iommulab::patterns {

/// One operation: alloc_fast, and free_fast of what it gave. Each thread is a processor.
class fast_pair {
 public:
  explicit fast_pair(uint64_t live) : n_(live) {}
  template <class Subject>
  absl::Status set_up(Subject& s) {
    return fill(s, live_, n_, lim32);
  }
  template <class Subject>
  uint64_t run(Subject& s, uint64_t operations, unsigned thread, uint64_t checksum) {
    for (; operations > 0; --operations) {
      const uint64_t pfn = s.alloc_fast(thread, 1, lim32, true);
      checksum = mix(checksum, pfn);
      s.free_fast(thread, pfn, 1);
    }
    return checksum;
  }

 private:
  uint64_t n_;
  std::vector<iova_grant> live_;
};

/// One operation: free_fast of the oldest, and alloc_fast.
class fast_ring {
 public:
  explicit fast_ring(uint64_t live) : live_(live) {}
  template <class Subject>
  absl::Status set_up(Subject& s) {
    for (uint64_t& pfn : live_) pfn = s.alloc_fast(0, 1, lim32, true);
    run(s, 4 * live_.size(), 0, 0);
    return absl::OkStatus();
  }
  template <class Subject>
  uint64_t run(Subject& s, uint64_t operations, unsigned thread, uint64_t checksum) {
    for (; operations > 0; --operations) {
      uint64_t& pfn = live_[oldest_];
      if (++oldest_ == live_.size()) oldest_ = 0;
      s.free_fast(thread, pfn, 1);
      pfn = s.alloc_fast(thread, 1, lim32, true);
      checksum = mix(checksum, pfn);
    }
    return checksum;
  }

 private:
  std::vector<uint64_t> live_;
  size_t oldest_ = 0;
};

/// `random` through the range caches.
class fast_random {
 public:
  explicit fast_random(uint64_t slots) : live_(slots) {}
  template <class Subject>
  absl::Status set_up(Subject& s) {
    choice_ = random_slots(live_.size());
    for (held& h : live_) h = {s.alloc_fast(0, 1, lim32, true), 1};
    run(s, 16 * live_.size(), 0, 0);
    return absl::OkStatus();
  }
  template <class Subject>
  uint64_t run(Subject& s, uint64_t operations, unsigned thread, uint64_t checksum) {
    for (; operations > 0; --operations) {
      const slot_and_size next = choice_();
      held& h = live_[next.slot];
      if (h.pfn != no_iova) s.free_fast(thread, h.pfn, h.size);
      h = {s.alloc_fast(thread, next.size, lim32, true), next.size};
      checksum = mix(checksum, h.pfn);
    }
    return checksum;
  }

 private:
  struct held {
    uint64_t pfn = no_iova;
    uint64_t size = 1;
  };
  dial<slot_and_size> choice_;
  std::vector<held> live_;
};

}  // namespace iommulab::patterns
