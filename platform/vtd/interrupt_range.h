// SPDX-License-Identifier: GPL-2.0-or-later
//
// The interrupt address range, FEEx_xxxxh (VT-d specification 3.14): never memory to a device.
#pragma once

#include <algorithm>
#include <cstdint>

namespace iommulab {

inline constexpr uint64_t interrupt_base = 0xfee00000;
inline constexpr uint64_t interrupt_end = 0xfef00000;
inline constexpr uint64_t interrupt_write_bytes = 4;  ///< a write of any other size is no message

constexpr bool in_interrupt_range(uint64_t address) {
  return address >= interrupt_base && address < interrupt_end;
}

/// Whether any of the bytes from `start` to `last` (inclusive) is in the range.
constexpr bool reaches_interrupt_range(uint64_t start, uint64_t last) {
  return start < interrupt_end && last >= interrupt_base;
}

/// Bytes from `address` to the end of the space it lies in, below or above the interrupt range.
constexpr uint64_t clip_at_interrupt_range(uint64_t address, uint64_t length) {
  return address < interrupt_base ? std::min(length, interrupt_base - address) : length;
}

}  // namespace iommulab
