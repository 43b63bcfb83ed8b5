// SPDX-License-Identifier: GPL-2.0-only
//
// Arithmetic of table levels. Numbers of pages and page frames are VT-d's, 4 KiB each; levels count
// from 1, whose entries map such pages, upwards.
#pragma once

#include <cstdint>

#include "core/types.h"
#include "intel/hw/width.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab {

constexpr unsigned level_to_offset_bits(int level) {
  return static_cast<unsigned>((level - 1) * level_stride);
}
constexpr uint64_t level_size(int level) {
  return uint64_t{1} << level_to_offset_bits(level);
}
constexpr uint64_t level_mask(int level) {
  return ~(level_size(level) - 1);
}
constexpr uint64_t align_to_level(uint64_t pfn, int level) {
  return (pfn + level_size(level) - 1) & level_mask(level);
}
constexpr unsigned pfn_level_offset(uint64_t pfn, int level) {
  return static_cast<unsigned>(pfn >> level_to_offset_bits(level)) &
         (vtd::paging_entries_per_table - 1);
}
/// aligned_nrpages(): pages that [address, address + size) touches; the offset in the first page is
/// all that matters of `address`.
constexpr uint64_t aligned_nrpages(uint64_t address, uint64_t size) {
  return ((address & ~page_mask) + size + page_size - 1) >> page_shift;
}
/// DOMAIN_MAX_PFN: the last page of a guest address width in bits.
constexpr uint64_t domain_max_pfn(int gaw) {
  return (uint64_t{1} << (gaw - 12)) - 1;
}

/// The pages of an operation, both ends included.
struct pfn_range {
  uint64_t start_pfn = 0;
  uint64_t last_pfn = 0;

  [[nodiscard]] constexpr uint64_t count() const { return last_pfn - start_pfn + 1; }
  /// Whether it holds all pages that an item at `level` is for, from `level_pfn` on.
  [[nodiscard]] constexpr bool covers(uint64_t level_pfn, int level) const {
    return start_pfn <= level_pfn && last_pfn >= level_pfn + level_size(level) - 1;
  }
};

}  // namespace iommulab
