// SPDX-License-Identifier: GPL-2.0-only
//
// Mappings begin, and are repeated in a domain that joins.
// Linux v4.4 drivers/vfio/vfio_iommu_type1.c.
#pragma once

#include "vfio/uapi/vfio.h"
#include "vfio/v4_4/type1/vfio_iommu.h"

namespace iommulab::v4_4 {

/// 0, -EINVAL, -EEXIST where something is mapped, -EFAULT, -ENOMEM.
int vfio_dma_do_map(vfio_iommu& iommu, task_struct& current,
                    const uapi::vfio_iommu_type1_dma_map& map);
/// All mappings into `domain`, which is none of the container's yet. What was mapped in it before a
/// failure stays there.
int vfio_iommu_replay(vfio_iommu& iommu, vfio_domain& domain);

}  // namespace iommulab::v4_4
