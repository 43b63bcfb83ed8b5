// SPDX-License-Identifier: GPL-2.0-only
//
// Groups join a container's IOMMU and leave it. Linux v6.12 drivers/vfio/vfio_iommu_type1.c.
//
// Each group gets a domain of its own first, and moves into an older one that is of the same kind.
// A domain goes with its last group, the mappings with the last domain.
#pragma once

#include "vfio/v6_12/type1/vfio_iommu.h"

namespace iommulab::v6_12 {

/// Null when the group is not the container's.
vfio_iommu_group* vfio_iommu_find_iommu_group(vfio_iommu& iommu, const iommu_group& group);
vfio_iommu_group* find_iommu_group(vfio_iommu& iommu, const vfio_domain& domain,
                                   const iommu_group& group);

int vfio_iommu_type1_attach_group(vfio_iommu& iommu, task_struct& current, iommu_group& group,
                                  vfio_group_type type);
void vfio_iommu_type1_detach_group(vfio_iommu& iommu, iommu_group& group);
/// The domain leaves its groups and is freed; the vfio_domain stays.
void vfio_release_domain(vfio_iommu& iommu, vfio_domain& domain);

}  // namespace iommulab::v6_12
