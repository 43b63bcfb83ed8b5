// SPDX-License-Identifier: GPL-2.0-only
//
// Unmaps that are put off until one global flush serves them all: each unit has a table of them.
// The flush comes when high_water_mark wait over all units, or 10 ms (rounded up to ticks) after
// the first. Until then the range stays taken, and the device may still reach it through the IOTLB.
//
// It lies here and not beside the DMA operations that fill it because a domain that goes away must
// flush first. async_umap_flush_lock guards all of it.
#pragma once

#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

/// The timer's delay in milliseconds.
inline constexpr uint64_t unmap_timer_ms = 10;

// Linux v4.4 drivers/iommu/intel-iommu.c, by name.

/// Queues the release of a range that was unmapped in the tables; `freelist` is what fell out of
/// them.
void add_unmap(intel_driver& drv, dmar_domain& domain, iova& range, page_freelist&& freelist);
/// The timer's function: flushes everything that was put off.
void flush_unmaps_timeout(intel_driver& drv);

}  // namespace iommulab::v4_4
