// SPDX-License-Identifier: GPL-2.0-only
//
// Making domains, and the units that they are on.
#pragma once

#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

/// The width that a domain is made for before it is attached: 57 bits in five levels.
inline constexpr int made_for_width = 57;

// Linux v6.12 drivers/iommu/intel/iommu.c, by name.

/// Whether a domain of the type gets a first-level table where it can. first_level_by_default()
bool first_level_by_default(intel_driver& drv, iommu_domain_type type);
/// A domain for the core: -ENOMEM is null.
dmar_domain* domain_alloc(intel_driver& drv, iommu_domain_type type);
/// A domain for the device's unit as it is: paging_domain_alloc(). Null when memory has run out.
dmar_domain* paging_domain_alloc(intel_driver& drv, device& dev, bool first_stage);
/// Takes down the table, and the domain. One with devices stays, with a warning.
void domain_exit(intel_driver& drv, dmar_domain& domain);
/// One more device, or PASID of one, of the domain is behind the unit: 0, -ENOMEM, or -ENOSPC when
/// the unit has no id left.
int domain_attach_iommu(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu);
void domain_detach_iommu(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu);
/// The largest superpage code that all units but `skip` have, for a kind of table; `domain` may be
/// null for the second level.
int domain_update_iommu_superpage(intel_driver& drv, const dmar_domain* domain,
                                  const intel_iommu* skip);
void domain_update_iommu_cap(intel_driver& drv, dmar_domain& domain);
int iommu_init_domains(intel_driver& drv, intel_iommu& iommu);

}  // namespace iommulab::v6_12
