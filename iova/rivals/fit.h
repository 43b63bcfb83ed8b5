// SPDX-License-Identifier: GPL-2.0-only
//
// A request for frames, and where in a gap it goes.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "iova/lab/allocator.h"

namespace iommulab {

/// A gap is the frames `begin` to `end` - 1. All functions place at the highest address.
struct iova_request {
  uint64_t size;        ///< 1 to max_size
  uint64_t limit_pfn;   ///< last frame that may be used
  uint64_t align_mask;  ///< bits that the lowest frame has clear

  static constexpr uint64_t max_size = uint64_t{1} << 63;

  static iova_request of(uint64_t size, uint64_t limit_pfn, bool size_aligned) {
    return {size, limit_pfn, size_aligned ? std::bit_ceil(size) - 1 : 0};
  }
  static bool possible(uint64_t size) { return size >= 1 && size <= max_size; }

  /// The lowest frame of the range in the gap, or no_iova.
  [[nodiscard]] uint64_t place(uint64_t begin, uint64_t end) const {
    const uint64_t top = limit_pfn < end ? limit_pfn + 1 : end;
    if (size > top) return no_iova;
    const uint64_t lo = (top - size) & ~align_mask;
    return lo >= begin && lo < top ? lo : no_iova;
  }
};

}  // namespace iommulab
