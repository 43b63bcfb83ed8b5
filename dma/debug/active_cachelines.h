// SPDX-License-Identifier: GPL-2.0-only
//
// Cache lines of memory into which a device may write: of each mapping its first one, counted.
// Linux v4.4 lib/dma-debug.c: dma_active_cacheline, where three tags of a radix tree count, so that
// seven mappings on top of the first are the most.
#pragma once

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "core/types.h"

namespace iommulab {

class active_cachelines {
 public:
  /// ACTIVE_CACHELINE_MAX_OVERLAP
  static constexpr int max_overlap = 7;
  static constexpr unsigned l1_cache_shift = 6;

  static constexpr uint64_t number_of(phys_addr address) {
    return address.value() >> l1_cache_shift;
  }

  /// active_cacheline_insert(): false when this is one more than can be counted.
  bool insert(uint64_t line);
  /// active_cacheline_remove()
  void remove(uint64_t line);
  [[nodiscard]] bool contains(uint64_t line) const { return overlaps_.contains(line); }

 private:
  absl::flat_hash_map<uint64_t, int> overlaps_;  ///< mappings on top of the first
};

}  // namespace iommulab
