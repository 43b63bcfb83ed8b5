// SPDX-License-Identifier: GPL-2.0-only
//
// Life of a domain: made, given a page table and reserved ranges, attached to units under an id
// of each, and taken down.
#pragma once

#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

// Linux v4.4 drivers/iommu/intel-iommu.c, by name.

/// The domain-id bitmap and the first of the id tables; id 0 is never given out. 0 or -ENOMEM.
int iommu_init_domains(intel_driver& drv, intel_iommu& iommu);
/// Frees what iommu_init_domains() and later attachments allocated.
void iommu_free_domains(intel_driver& drv, intel_iommu& iommu);
dmar_domain* get_iommu_domain(intel_driver& drv, intel_iommu& iommu, uint16_t did);

/// Null when no memory could be had.
dmar_domain* alloc_domain(intel_driver& drv, int flags);
void free_domain_mem(intel_driver& drv, dmar_domain* domain);
/// For one unit's translated domain: width as the unit has it. 0, -ENODEV, -ENOMEM.
int domain_init(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu, int guest_width);
/// For a domain over several units (identity, virtual machine). 0 or -ENOMEM.
int md_domain_init(intel_driver& drv, dmar_domain& domain, int guest_width);
void domain_exit(intel_driver& drv, dmar_domain* domain);

int domain_attach_iommu(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(drv.device_domain_lock, iommu.lock);
int domain_detach_iommu(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(drv.device_domain_lock, iommu.lock);
/// The lowest-numbered unit of a domain that is neither identity nor a virtual machine's.
intel_iommu* domain_get_iommu(intel_driver& drv, dmar_domain& domain);

void domain_update_iommu_cap(intel_driver& drv, dmar_domain& domain);
bool domain_update_iommu_snooping(intel_driver& drv, const intel_iommu* skip);
int domain_update_iommu_superpage(intel_driver& drv, const intel_iommu* skip);

/// The ranges no domain may give out: the interrupt addresses and every PCI memory window.
int dmar_init_reserved_ranges(intel_driver& drv);

}  // namespace iommulab::v4_4
