// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_1/flush.h"

#include "intel/v6_12/cache.h"
#include "intel/v6_12/device.h"
#include "intel/v6_12/queue.h"
#include "intel/v6_12/registers.h"

namespace iommulab::v6_1 {

using v6_12::device_domain_info;
using v6_12::dmar_domain;
using v6_12::intel_driver;

namespace {

/// Where the hint stands in an address, out of which nobody takes it again.
constexpr uint64_t ih_in_address = uint64_t{1} << 6;

/// iommu_flush_dev_iotlb(): every device of the domain that has a cache of its own.
void flush_dev_iotlbs(intel_driver& drv, dmar_domain& domain, uint64_t addr, unsigned mask) {
  spin_lock_irqsave lock(drv.host.interrupts, domain.lock);
  for (const device_domain_info& info : domain.devices) flush_dev_iotlb(drv, info, addr, mask);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: iommu_flush_iotlb_psi(). `map`: mappings came, they did
// not go.
void iommu_flush_iotlb_psi(intel_driver& drv, intel_iommu& iommu, dmar_domain& domain, uint64_t pfn,
                           uint64_t pages, bool ih, bool map) {
  IOMMULAB_CALL(drv.trace, "iommu_flush_iotlb_psi", {"iommu", iommu}, {"domain", domain},
                {"pfn", pfn}, {"pages", pages}, {"ih", ih}, {"map", map});
  const uint64_t addr = pfn << page_shift;
  const uint64_t last = addr + (pages << page_shift) - 1;
  const unsigned mask = v6_12::calculate_psi_aligned_address(addr, last).mask;
  const uint16_t did = domain_id_iommu(domain, iommu);
  if (domain.use_first_level) {
    v6_12::qi_flush_piotlb(drv, iommu, did, v6_12::iommu_no_pasid, addr, pages, ih);
  } else if (!iommu.cap.page_selective_invalidation() || mask > iommu.cap.max_address_mask()) {
    iommu.flush.flush_iotlb(drv, iommu, domain_id(did), 0, 0, vtd::iotlb_granularity::domain);
  } else {
    iommu.flush.flush_iotlb(drv, iommu, domain_id(did), addr | (ih ? ih_in_address : 0), mask,
                            vtd::iotlb_granularity::page);
  }
  if (!iommu.cap.caching_mode() || !map) flush_dev_iotlbs(drv, domain, addr, mask);
}

}  // namespace

void flush_dev_iotlb(intel_driver& drv, const device_domain_info& info, uint64_t addr,
                     unsigned mask) {
  if (!info.ats_enabled) return;
  qi_flush_dev_iotlb(drv, *info.iommu, info.rid(), info.pfsid, info.ats_qdep, addr, mask);
  quirk_extra_dev_tlb_flush(drv, info, addr, mask, v6_12::iommu_no_pasid, info.ats_qdep);
}

void iommu_flush_iotlb_range(intel_driver& drv, dmar_domain& domain, uint64_t pfn, uint64_t pages,
                             bool ih) {
  for (const auto& [unit, info] : domain.iommu_array) {
    iommu_flush_iotlb_psi(drv, *info->iommu, domain, pfn, pages, ih, /*map=*/false);
  }
}

void flush_domain(intel_driver& drv, dmar_domain& domain) {
  for (const auto& [unit, info] : domain.iommu_array) {
    intel_iommu& iommu = *info->iommu;
    const uint16_t did = domain_id_iommu(domain, iommu);
    if (domain.use_first_level) {
      v6_12::qi_flush_piotlb(drv, iommu, did, v6_12::iommu_no_pasid, 0, v6_12::every_page,
                             /*ih=*/false);
    } else {
      iommu.flush.flush_iotlb(drv, iommu, domain_id(did), 0, 0, vtd::iotlb_granularity::domain);
    }
    if (!iommu.cap.caching_mode()) flush_dev_iotlbs(drv, domain, 0, v6_12::max_agaw_pfn_width);
  }
}

// Linux v6.1 drivers/iommu/intel/iommu.c: __mapping_notify_one(), for each unit
void tell_of_new_mappings(intel_driver& drv, dmar_domain& domain, uint64_t pfn, uint64_t pages) {
  for (const auto& [unit, info] : domain.iommu_array) {
    intel_iommu& iommu = *info->iommu;
    if (iommu.cap.caching_mode() && !domain.use_first_level) {
      iommu_flush_iotlb_psi(drv, iommu, domain, pfn, pages, /*ih=*/false, /*map=*/true);
    } else {
      iommu_flush_write_buffer(drv, iommu);
    }
  }
}

}  // namespace iommulab::v6_1
