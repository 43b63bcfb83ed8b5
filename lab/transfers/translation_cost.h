// SPDX-License-Identifier: GPL-2.0-only
//
// What a workload's mappings cost the device: each range that an allocator gives out is mapped,
// read by a device page by page through a remapping unit, unmapped and invalidated, and the unit is
// watched while it does that. Nothing is timed: the counts are the same on every machine.
//
// The unit's caches are those of platform/vtd (1024 pages, 128 tables, four ways each). Tables have
// four levels; the driver's own code writes them. Setting the workload up is not counted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/status.h"
#include "iova/lab/catalogue.h"
#include "iova/workload/runner.h"
#include "iova/workload/workload.h"
#include "kernel/profile/kernel_profile.h"

namespace iommulab {

/// When an unmapped range leaves the unit's caches and may be given out again.
struct unmap_policy {
  /// 0: with each unmap, its pages alone, the tables above them staying cached (Linux: strict).
  /// Else after this many unmaps all that the unit caches of the domain goes at once, and only then
  /// are the ranges freed (Linux: lazy; 4.4 waits for 250, later kernels for 256 a processor).
  size_t unmaps_a_flush = 256;
};

struct translation_cost {
  static constexpr unsigned levels = 4;

  uint64_t transfers = 0;     ///< ranges that the device read
  uint64_t pages = 0;         ///< of all of them: requests to the unit
  uint64_t iotlb_misses = 0;  ///< pages that it had to walk tables for
  /// Of those the walks whose first entry read was of this level; [1]: a cache knew all tables.
  std::array<uint64_t, levels + 1> walks_from = {};
  uint64_t entries_read = 0;  ///< of paging tables
  uint64_t flushes = 0;       ///< invalidations
  iova_run_counts run;        ///< preparation included

  /// Walks that no paging-structure cache could spare the upper levels.
  [[nodiscard]] uint64_t upper_level_misses() const { return iotlb_misses - walks_from[1]; }
};

/// ENOMEM when allocator or tables cannot be made; EINVAL for a workload with other pages than
/// 4 KiB, or with frames that four levels do not reach.
absl::StatusOr<translation_cost> cost_of_transfers(const kernel_profile& kernel,
                                                   const iova_catalogue_entry& allocator,
                                                   const iova_workload& workload,
                                                   unmap_policy policy);

}  // namespace iommulab
