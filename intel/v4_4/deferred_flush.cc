// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/deferred_flush.h"

#include <bit>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/v4_4/divergence.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/flush.h"
#include "intel/v4_4/page_table.h"

namespace iommulab::v4_4 {
namespace {

// One unit's table: its IOTLB entries go first, then the ranges and the table pages.
void flush_table(intel_driver& drv, intel_iommu& iommu, deferred_flush_tables& table) {
  // In caching mode a global flush makes emulation expensive: flush each range instead.
  const bool caching_mode = iommu.cap.caching_mode();
  if (!caching_mode) {
    iommu.flush.flush_iotlb(drv, iommu, domain_id(0), 0, 0, vtd::iotlb_granularity::global);
  }
  for (deferred_flush_entry& entry : table.entries) {
    iova* range = entry.range;
    if (range == nullptr) continue;
    dmar_domain& domain = *entry.domain;
    page_freelist& freelist = entry.freelist;
    const uint64_t pages = iova_size(*range);
    if (caching_mode) {
      iommu_flush_iotlb_psi(drv, iommu, domain, range->pfn_lo, pages, /*ih=*/freelist.empty(),
                            /*map=*/false);
    } else {
      const auto mask = static_cast<unsigned>(std::bit_width(pages) - 1);
      iommu_flush_dev_iotlb(drv, domain, range->pfn_lo << page_shift, mask);
    }
    // The kernel's entry points to what is freed until the table is reset; whoever looks at ours in
    // between finds nothing there.
    free_iova(domain.iovad, std::exchange(entry.range, nullptr));
    if (!freelist.empty()) dma_free_pagelist(drv, freelist);
  }
  table.entries.clear();
}

// Linux v4.4 drivers/iommu/intel-iommu.c: flush_unmaps()
void flush_unmaps(intel_driver& drv)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(drv.deferred.async_umap_flush_lock) {
  IOMMULAB_CALL(drv.trace, "flush_unmaps");
  const int list_size = drv.deferred.list_size;
  IOMMULAB_NOTE(drv.trace, "flush_unmaps list_size=%d", list_size);
  drv.deferred.timer_on = false;
  for (size_t id = 0; id < drv.g_iommus.size(); ++id) {
    intel_iommu* iommu = drv.g_iommus[id];
    if (iommu != nullptr && !drv.deferred.tables[id].entries.empty()) {
      flush_table(drv, *iommu, drv.deferred.tables[id]);
    }
  }
  drv.deferred.list_size = 0;
}

}  // namespace

// Linux v4.4 drivers/iommu/intel-iommu.c: add_unmap()
void add_unmap(intel_driver& drv, dmar_domain& domain, iova& range, page_freelist&& freelist) {
  IOMMULAB_CALL(drv.trace, "add_unmap", {"dom", domain}, {"iova", range},
                {"freelist", static_cast<int>(freelist.size())});
  const spin_lock_irqsave lock(drv.host.interrupts, drv.deferred.async_umap_flush_lock);
  const int list_size = drv.deferred.list_size;
  IOMMULAB_NOTE(drv.trace, "add_unmap lo=0x%x hi=0x%x freelist=%d size=%d", range.pfn_lo,
                range.pfn_hi, freelist.empty() ? 0 : 1, list_size);
  // A range that waits already was unmapped twice: 4.4 frees it twice then. It may be freed by the
  // flush right here.
  const bool waits = range.queued;
  range.queued = true;
  if (waits) {
    report(drv.env, divergence::unmapped_twice,
           absl::StrFormat("pages 0x%x to 0x%x", range.pfn_lo, range.pfn_hi));
  }
  if (drv.deferred.list_size == high_water_mark) flush_unmaps(drv);

  const intel_iommu& iommu = *domain_get_iommu(drv, domain);
  deferred_flush_tables& table = drv.deferred.tables[static_cast<size_t>(iommu.seq_id)];
  deferred_flush_entry& entry = table.entries.emplace_back();
  entry.range = waits ? nullptr : &range;
  entry.domain = &domain;
  // Most unmaps' lists are empty: those need no move.
  if (!freelist.empty()) entry.freelist = std::move(freelist);

  if (!drv.deferred.timer_on) {
    const uint64_t expires = drv.env.clock.jiffies() + msecs_to_jiffies(unmap_timer_ms);
    drv.deferred.unmap_timer.arm(expires * ns_per_jiffy);
    drv.deferred.timer_on = true;
  }
  ++drv.deferred.list_size;
}

// Linux v4.4 drivers/iommu/intel-iommu.c: flush_unmaps_timeout()
void flush_unmaps_timeout(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "flush_unmaps_timeout");
  const spin_lock_irqsave lock(drv.host.interrupts, drv.deferred.async_umap_flush_lock);
  flush_unmaps(drv);
}

}  // namespace iommulab::v4_4
