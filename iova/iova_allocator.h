// SPDX-License-Identifier: GPL-2.0-or-later
//
// What every allocator of I/O virtual addresses can do, whatever kernel or paper it comes from:
// the interface for comparing them under one workload. Drivers use their own kernel's functions
// (iova/iova.h) instead, whose names and call trees are part of what is studied.
//
// All frame numbers are in units of the granule; ranges and limits are inclusive.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "iova/lab/range.h"

namespace iommulab {

class iova_allocator {
 public:
  virtual ~iova_allocator() = default;

  /// "linux-4.4"
  [[nodiscard]] virtual std::string_view name() const = 0;

  /// `size` frames that end at or below `limit_pfn`, aligned to the next power of two.
  virtual std::optional<iova_range> alloc(uint64_t size, uint64_t limit_pfn) = 0;
  /// Frees what alloc() gave; `size` as it was asked for.
  virtual void free(uint64_t pfn_lo, uint64_t size) = 0;
  /// Keeps a range from being given out. False when there is no memory.
  virtual bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) = 0;
  /// The range in use that covers `frame`.
  [[nodiscard]] virtual std::optional<iova_range> find(uint64_t frame) const = 0;
  /// Every range in use, ascending.
  [[nodiscard]] virtual std::vector<iova_range> ranges() const = 0;
};

}  // namespace iommulab
