// SPDX-License-Identifier: GPL-2.0-only
//
// The unmaps whose flush is put off (see deferred_flush.h).
#pragma once

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

/// An unmapped range: null when it waits already.
struct deferred_flush_entry {
  iova* range = nullptr;
  dmar_domain* domain = nullptr;
  page_freelist freelist;
};

/// One unit's, in the order of their coming. The kernel has arrays of HIGH_WATER_MARK slots for
/// each of the 128 units that could come; here what waits takes room, as most tables stay empty.
/// Linux v4.4: struct deferred_flush_tables
struct deferred_flush_tables {
  std::vector<deferred_flush_entry> entries;
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
