// SPDX-License-Identifier: GPL-2.0-only
//
// What Linux 4.4.178's iommu.c does otherwise than 4.4.1's: a device whose attachment to the
// group's domain fails does not join, and a group keeps the domain that it has.
#pragma once

#include "core/iommu/iommu.h"

namespace iommulab::v4_4_178 {

/// 0; a negative errno with a line in the log, and the device in no group.
int iommu_group_add_device(iommu_group& group, device& dev);
/// Finds or makes the device's group; the caller holds a reference. Null with `error` set.
iommu_group* iommu_group_get_for_dev(device& dev, int& error);

}  // namespace iommulab::v4_4_178
