// SPDX-License-Identifier: GPL-2.0-only
//
// Mappings begin, and are repeated in a domain that joins.
// Linux v6.12 drivers/vfio/vfio_iommu_type1.c.
#pragma once

#include "vfio/uapi/vfio.h"
#include "vfio/v6_12/type1/vfio_iommu.h"

namespace iommulab::v6_12 {

/// VFIO_IOMMU_MAP_DMA: a new mapping, or with the vaddr flag new virtual addresses of an old one.
int vfio_dma_do_map(vfio_iommu& iommu, task_struct& current,
                    const uapi::vfio_iommu_type1_dma_map& map);
/// All mappings into `domain`, which is none of the container's yet; they are pinned if it is the
/// first. What was done is undone on failure.
int vfio_iommu_replay(vfio_iommu& iommu, task_struct& current, vfio_domain& domain);

}  // namespace iommulab::v6_12
