// SPDX-License-Identifier: GPL-2.0-only
//
// What is static in the kernel's iommu.c and shared between its parts here.
#pragma once

#include "core/iommu/iommu.h"

namespace iommulab {

/// iommu.c's pr_fmt.
inline pr_prefix iommu_log(environment& env) {
  return {env.log, "iommu: "};
}

/// kobject_put(group->devices_kobj): the last one releases the group.
void group_put_reference(iommu_group& group);
/// __iommu_group_for_each_dev()
int group_for_each_dev_unlocked(iommu_group& group, absl::FunctionRef<int(device&)> fn);

}  // namespace iommulab
