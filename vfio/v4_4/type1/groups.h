// SPDX-License-Identifier: GPL-2.0-only
//
// Groups join a container's IOMMU and leave it. Linux v4.4 drivers/vfio/vfio_iommu_type1.c.
//
// Each group gets a domain of its own first, and moves into an older one that is of the same kind.
// A domain goes with its last group, the mappings with the last domain.
#pragma once

#include "vfio/v4_4/type1/vfio_iommu.h"

namespace iommulab::v4_4 {

/// 0, -EINVAL for a group that is in it, -ENOMEM, -EIO without an IOMMU, -EPERM when interrupts of
/// the group are not isolated, or the driver's errno.
int vfio_iommu_type1_attach_group(vfio_iommu& iommu, iommu_group& iommu_group);
void vfio_iommu_type1_detach_group(vfio_iommu& iommu, iommu_group& iommu_group);
/// The domain leaves its groups and is freed, with what stands for it.
void vfio_free_domain(vfio_iommu& iommu, vfio_domain& domain);

}  // namespace iommulab::v4_4
