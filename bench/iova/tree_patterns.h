// SPDX-License-Identifier: GPL-2.0-only
//
// The patterns of alloc, free and find, as templates over what they run on: a class with the
// members of an engine (iova/lab/boxed_engine.h). Each has
//
//   absl::Status set_up(Subject&);     // the live mappings
//   uint64_t run(Subject&, uint64_t operations, unsigned thread, uint64_t checksum);
//
// and says what one operation is. Requests are of one page, size-aligned, unless said otherwise.
#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bench/iova/pattern_ground.h"
#include "iova/lab/allocator.h"

namespace iommulab::patterns {

/// One operation: an alloc, and the free of what it gave.
class pair {
 public:
  pair(uint64_t live, uint64_t limit) : n_(live), limit_(limit) {}
  template <class Subject>
  absl::Status set_up(Subject& s) {
    return fill(s, live_, n_, limit_);
  }
  template <class Subject>
  uint64_t run(Subject& s, uint64_t operations, unsigned, uint64_t checksum) {
    for (; operations > 0; --operations) {
      const iova_grant grant = s.alloc(1, limit_, true);
      checksum = mix(checksum, grant.pfn_lo);
      s.free(grant, 1);
    }
    return checksum;
  }

 private:
  uint64_t n_, limit_;
  std::vector<iova_grant> live_;
};

/// One operation: the free of the oldest, and an alloc. Each thread has a ring of its own.
class ring {
 public:
  ring(uint64_t live, uint64_t limit, unsigned threads = 1)
      : n_(live), limit_(limit), rings_(threads) {}
  template <class Subject>
  absl::Status set_up(Subject& s) {
    for (of_thread& r : rings_) {
      if (absl::Status status = fill(s, r.live, n_, limit_); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  template <class Subject>
  uint64_t run(Subject& s, uint64_t operations, unsigned thread, uint64_t checksum) {
    of_thread& r = rings_[thread];
    for (; operations > 0; --operations) {
      iova_grant& grant = r.live[r.oldest];
      if (++r.oldest == n_) r.oldest = 0;
      s.free(grant, 1);
      grant = s.alloc(1, limit_, true);
      checksum = mix(checksum, grant.pfn_lo);
    }
    return checksum;
  }

 private:
  struct alignas(64) of_thread {
    std::vector<iova_grant> live;
    uint64_t oldest = 0;
  };
  uint64_t n_, limit_;
  std::vector<of_thread> rings_;
};

/// One operation: the free of a random slot of `slots`, and an alloc of a random size into it.
class random {
 public:
  explicit random(uint64_t slots) : live_(slots) {}
  template <class Subject>
  absl::Status set_up(Subject& s) {
    choice_ = random_slots(live_.size());
    for (held& h : live_) h = {s.alloc(1, lim32, true), 1};
    run(s, 4 * live_.size(), 0, 0);  // until little is where it began
    return absl::OkStatus();
  }
  template <class Subject>
  uint64_t run(Subject& s, uint64_t operations, unsigned, uint64_t checksum) {
    for (; operations > 0; --operations) {
      const slot_and_size next = choice_();
      held& h = live_[next.slot];
      if (h.grant) s.free(h.grant, h.size);
      h = {s.alloc(next.size, lim32, true), next.size};
      checksum = mix(checksum, h.grant.pfn_lo);
    }
    return checksum;
  }

 private:
  struct held {
    iova_grant grant;
    uint64_t size = 1;
  };
  dial<slot_and_size> choice_;
  std::vector<held> live_;
};

/// One operation: an alloc that fails, for the space is full with 4096 pages.
class failing {
 public:
  static constexpr uint64_t pages = 4096;
  template <class Subject>
  absl::Status set_up(Subject& s) {
    // The pages that the space has room for are for the allocator to say.
    while (s.alloc(1, lim32, true)) {
    }
    return absl::OkStatus();
  }
  template <class Subject>
  uint64_t run(Subject& s, uint64_t operations, unsigned, uint64_t checksum) {
    for (; operations > 0; --operations) checksum = mix(checksum, s.alloc(1, lim32, true).pfn_lo);
    return checksum;
  }
};

/// One operation: one entry of a domain that is filled with 4096 and then emptied, oldest first.
class fill_and_drain {
 public:
  static constexpr uint64_t unit = 4096;
  template <class Subject>
  absl::Status set_up(Subject&) {
    return absl::OkStatus();
  }
  template <class Subject>
  uint64_t run(Subject& s, uint64_t operations, unsigned, uint64_t checksum) {
    for (; operations > 0; operations -= unit) {
      for (iova_grant& grant : live_) {
        grant = s.alloc(1, lim32, true);
        checksum = mix(checksum, grant.pfn_lo);
      }
      for (const iova_grant& grant : live_) s.free(grant, 1);
    }
    return checksum;
  }

 private:
  std::vector<iova_grant> live_ = std::vector<iova_grant>(unit);
};

/// The search over everything that is there. The live pages lie without a hole below 4 GiB. One
/// operation: a page among the 64 topmost is freed; two pages are asked for, which fit nowhere but
/// below all of them, and freed; the topmost page is freed and asked for again, which leads the
/// search back to the top, and the page that was freed first is asked for again.
class linear {
 public:
  linear(uint64_t live, bool scattered) : n_(live), scattered_(scattered) {}
  template <class Subject>
  absl::Status set_up(Subject& s) {
    if (scattered_) {
      if (absl::Status status = scatter_memory(s); !status.ok()) return status;
    }
    return fill(s, live_, n_, lim32);
  }
  template <class Subject>
  uint64_t run(Subject& s, uint64_t operations, unsigned, uint64_t checksum) {
    for (; operations > 0; --operations) {
      iova_grant& hole = live_[1 + next_++ * 37 % 64];
      s.free(hole, 1);
      const iova_grant two = s.alloc(2, lim32, true);
      checksum = mix(checksum, two.pfn_lo);
      s.free(two, 2);
      s.free(live_[0], 1);
      live_[0] = s.alloc(1, lim32, true);
      hole = s.alloc(1, lim32, true);
      checksum = mix(mix(checksum, live_[0].pfn_lo), hole.pfn_lo);
    }
    return checksum;
  }

 private:
  /// Four times as many nodes are taken and given back in random order, so that neighbours in the
  /// space are no neighbours in memory, as on a machine that has run for long.
  template <class Subject>
  absl::Status scatter_memory(Subject& s) {
    std::vector<iova_grant> all;
    if (absl::Status status = fill(s, all, 4 * n_, lim32); !status.ok()) return status;
    std::mt19937_64 random(2);
    for (size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random() % i]);
    for (const iova_grant& grant : all) s.free(grant, 1);
    return absl::OkStatus();
  }

  uint64_t n_;
  bool scattered_;
  uint64_t next_ = 0;
  std::vector<iova_grant> live_;
};

/// One operation: the range that covers a random live page.
class find {
 public:
  explicit find(uint64_t live) : n_(live) {}
  template <class Subject>
  absl::Status set_up(Subject& s) {
    std::vector<iova_grant> live;
    if (absl::Status status = fill(s, live, n_, lim32); !status.ok()) return status;
    choice_ = dial<uint64_t>([random = std::mt19937_64(3), &live]() mutable {
      return live[random() % live.size()].pfn_lo;
    });
    return absl::OkStatus();
  }
  template <class Subject>
  uint64_t run(Subject& s, uint64_t operations, unsigned, uint64_t checksum) {
    for (; operations > 0; --operations) {
      const auto range = s.find(choice_());
      checksum = mix(checksum, range ? range->hi : no_iova);
    }
    return checksum;
  }

 private:
  uint64_t n_;
  dial<uint64_t> choice_;
};

}  // namespace iommulab::patterns
