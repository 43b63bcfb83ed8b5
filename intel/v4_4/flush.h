// SPDX-License-Identifier: GPL-2.0-only
//
// Making units forget: page-selective flushes of a domain, and of the caches in its devices.
#pragma once

#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

// Linux v4.4 drivers/iommu/intel-iommu.c, by name.

/// Flushes `pages` pages at `pfn` of the domain from one unit. `ih`: only leaves changed. `map`:
/// entries became present (caching mode), so device caches hold nothing of them.
void iommu_flush_iotlb_psi(intel_driver& drv, intel_iommu& iommu, dmar_domain& domain, uint64_t pfn,
                           uint64_t pages, bool ih, bool map);
void iommu_flush_dev_iotlb(intel_driver& drv, dmar_domain& domain, uint64_t addr, unsigned mask);
/// An unmap of the pages is about to return: tells the observer, if there is one, what the domain's
/// units are no longer to translate; `deferred` when the invalidation is still to come.
void observe_unmap(const intel_driver& drv, const dmar_domain& domain, uint64_t start_pfn,
                   uint64_t last_pfn, bool deferred);

}  // namespace iommulab::v4_4
