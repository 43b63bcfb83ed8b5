// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/flush.h"

#include <bit>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "core/v4_4/divergence.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/page_table.h"
#include "intel/v4_4/release.h"

namespace iommulab::v4_4 {
namespace {

constexpr uint64_t leaf_hint = vtd::iva::ih.mask();

}  // namespace

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_flush_dev_iotlb()
void iommu_flush_dev_iotlb(intel_driver& drv, dmar_domain& domain, uint64_t addr, unsigned mask) {
  IOMMULAB_CALL(drv.trace, "iommu_flush_dev_iotlb", {"domain", domain}, {"addr", addr},
                {"mask", mask});
  // 4.4 stops at a BUG for a range that is not aligned to its size.
  const uint64_t aligned = addr & ~((page_size << mask) - 1);
  spin_lock_irqsave lock(drv.host.interrupts, drv.device_domain_lock);
  for (const device_domain_info& info : domain.devices) {
    if (!info.ats_enabled) continue;
    if (aligned != addr) {
      report(drv.env, divergence::device_tlb_range_unaligned, absl::StrFormat("0x%x", addr));
    }
    drv.release.flush_dev_iotlb(drv, info, aligned, mask);
  }
}

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_flush_iotlb_psi()
void iommu_flush_iotlb_psi(intel_driver& drv, intel_iommu& iommu, dmar_domain& domain, uint64_t pfn,
                           uint64_t pages, bool ih, bool map) {
  IOMMULAB_CALL(drv.trace, "iommu_flush_iotlb_psi", {"pfn", pfn},
                {"pages", static_cast<int64_t>(pages)}, {"ih", ih}, {"map", map});
  IOMMULAB_NOTE_CALL(drv.trace, "iommu_flush_iotlb_psi");
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
  if (owner == nullptr) {
    report(drv.env, divergence::flush_without_domain, absl::StrFormat("id %d", did));
    return;
  }
  iommu_flush_dev_iotlb(drv, *owner, addr, mask);
}

void observe_unmap(const intel_driver& drv, const dmar_domain& domain, uint64_t start_pfn,
                   uint64_t last_pfn, bool deferred) {
  if (!drv.env.tables.any()) [[likely]]
    return;
  for_each_domain_iommu(drv, domain, [&](size_t id) {
    const unmapped_range range = {drv.g_iommus[id]->reg_phys, domain_id(domain.iommu_did[id]),
                                  dma_addr(start_pfn << page_shift),
                                  dma_addr((last_pfn << page_shift) | ~page_mask), deferred};
    drv.env.tables.each([&](table_observer* observer) { observer->unmap_returned(range); });
  });
}

}  // namespace iommulab::v4_4
