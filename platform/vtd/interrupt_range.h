// SPDX-License-Identifier: GPL-2.0-only
//
// The interrupt address range, FEEx_xxxxh (VT-d specification 3.14): never memory to a device.
#pragma once

#include <algorithm>
#include <cstdint>

namespace iommulab {

inline constexpr uint64_t interrupt_base = 0xfee00000;
inline constexpr uint64_t interrupt_end = 0xfef00000;
inline constexpr uint64_t interrupt_write_bytes = 4;  ///< a message is one aligned doubleword

constexpr bool in_interrupt_range(uint64_t address) {
  return address >= interrupt_base && address < interrupt_end;
}

/// Whether a write of `length` bytes to `address` is an interrupt request: one DWORD in the range.
/// On PCI Express four bytes that are not aligned are parts of two DWORDs, and so no request.
constexpr bool is_interrupt_request(uint64_t address, uint64_t length) {
  return in_interrupt_range(address) && length == interrupt_write_bytes &&
         address % interrupt_write_bytes == 0;
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
