// SPDX-License-Identifier: GPL-2.0-only
//
// The unmaps whose flush is put off (see deferred_flush.h).
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/slab.h"
#include "core/spin_lock.h"
#include "intel/hw/lock.h"
#include "intel/v4_4/dmar_domain.h"

namespace iommulab::v4_4 {

/// Linux v4.4: HIGH_WATER_MARK
inline constexpr int high_water_mark = 250;

/// One unit's: slots 0 to next-1 wait.
/// Linux v4.4: struct deferred_flush_tables
struct deferred_flush_tables {
  size_t next = 0;
  std::array<iova*, high_water_mark> iovas{};
  std::array<dmar_domain*, high_water_mark> domains{};
  std::array<page_freelist, high_water_mark> freelists{};
};

/// Those of all units. async_umap_flush_lock guards all of it.
struct deferred_flush_state {
  deferred_flush_state(virtual_clock& clock, std::function<void()> flush_unmaps_timeout)
      : unmap_timer(clock, std::move(flush_unmaps_timeout), timer_owner::kernel) {}

  spin_lock async_umap_flush_lock;
  slab_token memory ABSL_GUARDED_BY(async_umap_flush_lock);
  std::vector<deferred_flush_tables> tables ABSL_GUARDED_BY(async_umap_flush_lock);
  int list_size ABSL_GUARDED_BY(async_umap_flush_lock) = 0;  ///< over all units
  bool timer_on ABSL_GUARDED_BY(async_umap_flush_lock) = false;
  virtual_timer unmap_timer;
};

}  // namespace iommulab::v4_4
