// SPDX-License-Identifier: GPL-2.0-only
//
// What vfio.c's own functions know of groups and devices. Linux v4.4 drivers/vfio/vfio.c.
#pragma once

#include <string_view>

#include "vfio/v4_4/vfio/vfio.h"

namespace iommulab::v4_4 {

inline constexpr class_device_kind vfio_class = {"vfio", "vfio/", vfio_group_major};

/// Null with `error` set.
vfio_group* vfio_create_group(vfio_module& module, iommu_group& iommu_group, int& error);
/// Groups that a call holds which a BUG() left: the modules go.
void vfio_release_left_groups(vfio_module& module);
void vfio_group_get(vfio_group& group);
void vfio_group_put(vfio_group& group);
/// With a reference; null when it is gone.
vfio_group* vfio_group_try_get(vfio_module& module, vfio_group& group);
vfio_group* vfio_group_get_from_iommu(vfio_module& module, const iommu_group& iommu_group);

/// With a reference; null when it is none of the group's.
vfio_device* vfio_group_get_device(vfio_group& group, const device& dev);
vfio_device* vfio_device_get_from_name(vfio_group& group, std::string_view buf);

/// 0, or -EINVAL for a device that a driver of the kernel uses.
int vfio_dev_viable(device& dev, vfio_group& group);
bool vfio_group_viable(vfio_group& group);

/// Hears of the group's devices and their drivers.
notify_result vfio_iommu_group_notifier(vfio_module& module, vfio_group& group,
                                        iommu_group_notify action, device& dev);

/// Null with `error` set.
file* vfio_group_fops_open(vfio_group& group, task_struct& current, int& error);

}  // namespace iommulab::v4_4
