// SPDX-License-Identifier: GPL-2.0-only
//
// Root and context tables: which domain a requester id is translated by.
#pragma once

#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

// Linux v4.4 drivers/iommu/intel-iommu.c, by name.

/// Enters every DMA alias of `dev` into the context tables of its unit. 0 or a negative errno.
int domain_context_mapping(intel_driver& drv, dmar_domain& domain, device& dev);
/// Whether all aliases of the device have a present context entry.
bool domain_context_mapped(intel_driver& drv, device& dev);
/// Clears every alias's entry, with global invalidations after each.
void domain_context_clear(intel_driver& drv, intel_iommu& iommu, device& dev);
/// Frees all context tables and the root table.
void free_context_table(intel_driver& drv, intel_iommu& iommu);

}  // namespace iommulab::v4_4
