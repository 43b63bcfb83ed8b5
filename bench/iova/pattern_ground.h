// SPDX-License-Identifier: GPL-2.0-only
//
// What patterns share: limits, the checksum of what was given out, live mappings, and choices made
// beforehand. What random numbers choose is chosen during set-up, the same for every allocator.
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

}  // namespace iommulab::patterns
