// SPDX-License-Identifier: GPL-2.0-only
//
// What is static in the kernel's iommu.c and shared between its parts here.
#pragma once

#include <optional>
#include <string>

#include "core/iommu/iommu.h"

namespace iommulab {

/// iommu.c's pr_fmt.
inline pr_prefix iommu_log(environment& env) {
  return {env.log, "iommu: "};
}

/// kobject_put(group->devices_kobj): the last one releases the group.
void group_put_reference(iommu_group& group);
/// The links between device and group. 0 with the name of the group's in `name`, or a negative
/// errno with neither link there.
int link_group_member(iommu_group& group, device& dev, std::string& name);
/// Both links go. One that is not there is none to remove.
void unlink_group_member(iommu_group& group, const iommu_group::member& member);
/// The device is in the group's list from now on; who listens learns of it.
void add_group_member(iommu_group& group, iommu_group::member member);
/// It is not any more, which listeners learn too; nothing when it was not.
std::optional<iommu_group::member> take_group_member(iommu_group& group, const device& dev);
/// __iommu_group_for_each_dev()
int group_for_each_dev_unlocked(iommu_group& group, absl::FunctionRef<int(device&)> fn);

}  // namespace iommulab
