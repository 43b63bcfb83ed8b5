// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is static in the kernel's iommu.c and shared between its parts here.
#pragma once

#include "core/iommu/iommu.h"

namespace iommulab {

/// iommu.c's pr_fmt.
inline pr_prefix iommu_log(environment& env) {
  return {env.log, "iommu: "};
}

/// __iommu_domain_alloc()
iommu_domain* domain_alloc_of_type(bus_type& bus, iommu_domain_type type);
/// __iommu_attach_device(): without regard to the device's group.
int attach_device_unlocked(iommu_domain& domain, device& dev);
/// __iommu_group_for_each_dev()
int group_for_each_dev_unlocked(iommu_group& group, absl::FunctionRef<int(device&)> fn);

}  // namespace iommulab
