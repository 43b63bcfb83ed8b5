// SPDX-License-Identifier: GPL-2.0-or-later
#include "intel/iommu/flush.h"

#include <bit>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "intel/dmar/queue.h"
#include "intel/iommu/domain.h"
#include "intel/iommu/page_table.h"

namespace iommulab {
namespace {

constexpr uint64_t leaf_hint = vtd::iva::ih.mask();

// What one slot of the deferred tables stands for, once its IOTLB entries are gone.
void finish_unmap(intel_driver& drv, deferred_flush_tables& table, size_t slot) {
  free_iova(table.domains[slot]->iovad, table.iovas[slot]);
  dma_free_pagelist(drv, table.freelists[slot]);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: flush_unmaps()
void flush_unmaps(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "flush_unmaps");
  IOMMULAB_NOTE(drv.trace, "flush_unmaps list_size=%d", drv.list_size);
  drv.timer_on = false;
  for (size_t id = 0; id < drv.g_iommus.size(); ++id) {
    intel_iommu* iommu = drv.g_iommus[id];
    deferred_flush_tables& table = drv.deferred_flush[id];
    if (iommu == nullptr || table.next == 0) continue;
    const auto used = static_cast<size_t>(table.next);
    // In caching mode a global flush makes emulation expensive: flush each range instead.
    if (!iommu->cap.caching_mode()) {
      iommu->flush.flush_iotlb(drv, *iommu, domain_id(0), 0, 0, vtd::iotlb_granularity::global);
    }
    for (size_t slot = 0; slot < used; ++slot) {
      const iova& range = *table.iovas[slot];
      dmar_domain& domain = *table.domains[slot];
      const uint64_t pages = range.pfn_hi - range.pfn_lo + 1;
      if (iommu->cap.caching_mode()) {
        iommu_flush_iotlb_psi(drv, *iommu, domain, range.pfn_lo, pages,
                              table.freelists[slot].empty(), false);
      } else {
        const unsigned mask = static_cast<unsigned>(std::bit_width(pages) - 1);
        iommu_flush_dev_iotlb(drv, domain, range.pfn_lo << page_shift, mask);
      }
      finish_unmap(drv, table, slot);
    }
    table.next = 0;
  }
  drv.list_size = 0;
}

}  // namespace

void iommu_flush_dev_iotlb(intel_driver& drv, dmar_domain& domain, uint64_t addr, unsigned mask) {
  IOMMULAB_CALL(drv.trace, "iommu_flush_dev_iotlb");
  spin_lock_irqsave lock(drv.host.interrupts, drv.device_domain_lock);
  for (const device_domain_info& info : domain.devices) {
    if (!info.ats_enabled) continue;
    const source_id id{0, info.bus, info.devfn};
    qi_flush_dev_iotlb(drv, *info.iommu, id.requester_id(), info.ats_qdep, addr, mask);
  }
}

void iommu_flush_iotlb_psi(intel_driver& drv, intel_iommu& iommu, dmar_domain& domain, uint64_t pfn,
                           uint64_t pages, bool ih, bool map) {
  IOMMULAB_CALL(drv.trace, "iommu_flush_iotlb_psi");
  IOMMULAB_NOTE(drv.trace, "iommu_flush_iotlb_psi pfn=0x%x pages=%d ih=%d map=%d", pfn, pages, ih,
                map);
  bug_on(pages == 0, "iommu_flush_iotlb_psi: no pages");
  const unsigned mask = static_cast<unsigned>(std::bit_width(pages - 1));  // rounded up
  const uint64_t addr = pfn << page_shift;
  const uint16_t did = domain.iommu_did[iommu.seq_id];
  if (!iommu.cap.page_selective_invalidation() || mask > iommu.cap.max_address_mask()) {
    iommu.flush.flush_iotlb(drv, iommu, domain_id(did), 0, 0, vtd::iotlb_granularity::domain);
  } else {
    iommu.flush.flush_iotlb(drv, iommu, domain_id(did), addr | (ih ? leaf_hint : 0), mask,
                            vtd::iotlb_granularity::page);
  }
  // Entries that become present were never in a device's cache.
  if (iommu.cap.caching_mode() && map) return;
  dmar_domain* owner = get_iommu_domain(drv, iommu, did);
  if (owner != nullptr) iommu_flush_dev_iotlb(drv, *owner, addr, mask);
}

void observe_unmap(const intel_driver& drv, const dmar_domain& domain, uint64_t start_pfn,
                   uint64_t last_pfn, bool deferred) {
  if (drv.env.tables == nullptr) [[likely]]
    return;
  for_each_domain_iommu(drv, domain, [&](size_t id) {
    drv.env.tables->unmap_returned({drv.g_iommus[id]->reg_phys, domain_id(domain.iommu_did[id]),
                                    dma_addr(start_pfn << page_shift),
                                    dma_addr((last_pfn << page_shift) | ~page_mask), deferred});
  });
}

void flush_unmaps_timeout(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "flush_unmaps_timeout");
  flush_unmaps(drv);
}

}  // namespace iommulab
