// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_1/identity.h"

#include <cerrno>
#include <utility>

#include "intel/v6_12/domain.h"
#include "intel/v6_12/page_table.h"

namespace iommulab::v6_1 {

using v6_12::dmar_domain;
using v6_12::intel_driver;

namespace {

// Linux v6.1 drivers/iommu/intel/iommu.c: iommu_domain_identity_map(). Reserved regions may lie in
// memory, which is mapped by then.
int iommu_domain_identity_map(intel_driver& drv, dmar_domain& domain, uint64_t first,
                              uint64_t last) {
  dma_pte_clear_range(drv, domain, first, last);
  return domain_mapping(drv, domain, first, first, last - first + 1,
                        v6_12::dma_pte_read | v6_12::dma_pte_write);
}

int map_memory(intel_driver& drv, dmar_domain& domain) {
  for (const auto& [start_pfn, end_pfn] : drv.host.memory_pfn_ranges) {
    const int ret = iommu_domain_identity_map(drv, domain, start_pfn, end_pfn - 1);
    if (ret != 0) return ret;
  }
  return 0;
}

int map_reserved_regions(intel_driver& drv, dmar_domain& domain) {
  for (const dmar_rmrr_unit& rmrr : drv.dmar_rmrr_units) {
    const uint64_t start = rmrr.base_address;
    const uint64_t end = rmrr.end_address;
    const int ret = for_each_active_dev_scope(rmrr.devices, [&](const dmar_dev_scope&) {
      const int width = agaw_to_width(domain.agaw);
      if (end < start || (width < 64 && end >> width != 0)) {
        drv.env.log.warn_on("si_domain_init");
        return 0;
      }
      return iommu_domain_identity_map(drv, domain, start >> page_shift, end >> page_shift);
    });
    if (ret != 0) return ret;
  }
  return 0;
}

}  // namespace

// Linux v6.1 drivers/iommu/intel/iommu.c: si_domain_init(), a part of its caller there
int si_domain_init(intel_driver& drv, bool hw) {
  drv.si_domain = v6_12::domain_alloc(drv, iommu_domain_type::identity);
  if (drv.si_domain == nullptr) return -EFAULT;
  if (hw) return 0;
  const int ret = map_memory(drv, *drv.si_domain);
  return ret != 0 ? ret : map_reserved_regions(drv, *drv.si_domain);
}

void si_domain_exit(intel_driver& drv) {
  dmar_domain* domain = std::exchange(drv.si_domain, nullptr);
  if (domain != nullptr) domain_exit(drv, *domain);
}

}  // namespace iommulab::v6_1
