// SPDX-License-Identifier: GPL-2.0-only
//
// What is static in 6.1's iommu.c and shared between its parts here.
#pragma once

#include "core/iommu/v6_12/group.h"

namespace iommulab::v6_1 {

// Linux v6.1 drivers/iommu/iommu.c, by name. Errors are negative errnos.

/// Whether the driver wants the attach to wait for the first mapping. iommu_is_attach_deferred()
bool iommu_is_attach_deferred(device& dev);
/// __iommu_attach_device()
int attach_device(v6_12::iommu_domain& domain, device& dev);
/// What driver and trust ask for; blocked where it is all the same. iommu_get_def_domain_type()
iommu_domain_type iommu_get_def_domain_type(device& dev);
/// The group's default domain becomes a new one of the type, or where the driver makes none, one
/// with translation. 0 or -ENOMEM.
int iommu_group_alloc_default_domain(v6_12::iommu_subsystem& iommu, iommu_group& group,
                                     iommu_domain_type type);
/// Maps in the default domain, when that translates, what the device must find one to one.
int iommu_create_device_direct_mappings(v6_12::iommu_subsystem& iommu, iommu_group& group,
                                        device& dev);

}  // namespace iommulab::v6_1
