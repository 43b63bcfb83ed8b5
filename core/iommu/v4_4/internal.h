// SPDX-License-Identifier: GPL-2.0-only
//
// What is static in the iommu.c of Linux 4.4 and shared between its parts here.
#pragma once

#include "core/iommu/v4_4/iommu_ops.h"

namespace iommulab::v4_4 {

/// __iommu_domain_alloc()
iommu_domain* domain_alloc_of_type(bus_type& bus, iommu_domain_type type);
/// __iommu_attach_device(): without regard to the device's group.
int attach_device_unlocked(iommu_domain& domain, device& dev);
/// A group's domain: this core made it.
inline iommu_domain* own_domain(iommulab::iommu_domain* domain) {
  return static_cast<iommu_domain*>(domain);
}

}  // namespace iommulab::v4_4
