// SPDX-License-Identifier: GPL-2.0-only
//
// One-to-one mappings: reserved regions, the first 16 MiB for the ISA bridge, and the domain that
// maps all memory for pass-through.
#pragma once

#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

// Linux v4.4 drivers/iommu/intel-iommu.c, by name. `end` is inclusive.
int iommu_domain_identity_map(intel_driver& drv, dmar_domain& domain, uint64_t start, uint64_t end);
/// The same for one device's reserved region. 0; -EIO for a region that cannot be, with the
/// kernel's warning; -ENOMEM.
int domain_prepare_identity_map(intel_driver& drv, device& dev, dmar_domain& domain, uint64_t start,
                                uint64_t end);
int iommu_prepare_rmrr_dev(intel_driver& drv, const dmar_rmrr_unit& rmrr, device& dev);
void iommu_prepare_isa(intel_driver& drv);
/// With hardware pass-through (`hw`) the domain stays empty. 0, -EFAULT, -ENOMEM.
int si_domain_init(intel_driver& drv, bool hw);
int iommu_prepare_static_identity_mapping(intel_driver& drv, bool hw);
/// Whether the device is in the identity domain.
bool identity_mapping(intel_driver& drv, const device& dev);
/// Whether the device belongs into the identity domain. At start-up every device is taken to
/// reach all of memory.
bool iommu_should_identity_map(intel_driver& drv, device& dev, bool startup);

}  // namespace iommulab::v4_4
