// SPDX-License-Identifier: GPL-2.0-only
//
// Telling units and devices that mappings changed. 6.1 has no cache tags: each unit that a domain
// is on is told at once, one descriptor and one wait at a time, and then each device with a cache
// of its own.
#pragma once

#include <cstdint>

#include "intel/v6_12/driver.h"

namespace iommulab::v6_1 {

// Linux v6.1 drivers/iommu/intel/iommu.c, by name.

/// Mappings of `pages` pages from `pfn` on changed: all units of the domain. `ih` as in
/// iommu_flush_iotlb_psi().
void iommu_flush_iotlb_range(v6_12::intel_driver& drv, v6_12::dmar_domain& domain, uint64_t pfn,
                             uint64_t pages, bool ih);
/// intel_flush_iotlb_all()
void flush_domain(v6_12::intel_driver& drv, v6_12::dmar_domain& domain);
/// intel_iommu_iotlb_sync_map(): mappings came.
void tell_of_new_mappings(v6_12::intel_driver& drv, v6_12::dmar_domain& domain, uint64_t pfn,
                          uint64_t pages);
/// __iommu_flush_dev_iotlb(): 2^mask pages at `addr` in the device's own cache, where it is on.
void flush_dev_iotlb(v6_12::intel_driver& drv, const v6_12::device_domain_info& info, uint64_t addr,
                     unsigned mask);

}  // namespace iommulab::v6_1
