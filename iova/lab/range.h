// SPDX-License-Identifier: GPL-2.0-only
//
// Ranges of page frames, and the address space that they lie in.
#pragma once

#include <cstdint>

namespace iommulab {

/// A range of frames, lo to hi inclusive.
struct iova_range {
  uint64_t lo = 0;
  uint64_t hi = 0;
  bool operator==(const iova_range&) const = default;
};

/// The address space to allocate from.
struct iova_space {
  uint64_t granule = 4096;            ///< bytes, a power of two
  uint64_t start_pfn = 1;             ///< lowest frame; whether it may be given out is the kernel's
  uint64_t last_32bit_pfn = 0xfffff;  ///< last frame below 4 GiB
};

}  // namespace iommulab
