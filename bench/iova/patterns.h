// SPDX-License-Identifier: GPL-2.0-only
//
// The patterns, as templates over what they run on: a class with the members of an engine
// (iova/lab/boxed_engine.h). Each has
//
//   absl::Status set_up(Subject&);     // the live mappings
//   uint64_t run(Subject&, uint64_t operations, unsigned thread, uint64_t checksum);
//
// and says what one operation is. Requests are of one page, size-aligned, unless said otherwise.
// What random numbers choose is chosen during set-up, the same for every allocator.
#pragma once

#include <bit>
#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "iova/lab/allocator.h"

namespace iommulab::patterns {

inline constexpr uint64_t lim32 = 0xfffff;      ///< last page below 4 GiB
inline constexpr uint64_t lim48 = 0xfffffffff;  ///< last page of a 48-bit space
inline constexpr unsigned most_threads = 2;

/// One more frame in a checksum.
inline uint64_t mix(uint64_t checksum, uint64_t pfn) {
  return std::rotl(checksum, 1) ^ pfn;
}

/// Fills `live` with `n` pages. Gives up after some seconds: an allocator that searches all of what
/// is there for each would take hours.
template <class Subject>
absl::Status fill(Subject& subject, std::vector<iova_grant>& live, uint64_t n, uint64_t limit) {
  constexpr auto longest = std::chrono::seconds(10);
  const auto start = std::chrono::steady_clock::now();
  live.reserve(n);
  while (live.size() < n) {
    live.push_back(subject.alloc(1, limit, true));
    if (!live.back())
      return absl::ResourceExhaustedError(absl::StrCat("no room for ", n, " pages"));
    if (live.size() % 1024 == 0 && std::chrono::steady_clock::now() - start > longest) {
      return absl::DeadlineExceededError(
          absl::StrCat("the set-up of ", n, " pages takes longer than 10 s"));
    }
  }
  return absl::OkStatus();
}

/// Steps round a power of two of entries made beforehand.
template <class T>
class dial {
 public:
  dial() = default;
  template <class F>
  explicit dial(F next) : entries_(size) {
    for (T& entry : entries_) entry = next();
  }
  const T& operator()() { return entries_[at_++ % size]; }

 private:
  static constexpr size_t size = size_t{1} << 16;
  std::vector<T> entries_;
  size_t at_ = 0;
};

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

/// Which slot, and how much goes there next: 70 % one page, 15 % a power of two 2..64, 15 % any
/// size 2..64.
struct slot_and_size {
  uint32_t slot = 0;
  uint32_t size = 1;
};
inline dial<slot_and_size> random_slots(uint64_t slots) {
  return dial<slot_and_size>([random = std::mt19937_64(1), slots]() mutable {
    const uint64_t kind = random() % 100;
    slot_and_size next{static_cast<uint32_t>(random() % slots), 1};
    if (kind >= 85) {
      next.size = static_cast<uint32_t>(2 + random() % 63);
    } else if (kind >= 70) {
      next.size = 2U << random() % 6;
    }
    return next;
  });
}

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
