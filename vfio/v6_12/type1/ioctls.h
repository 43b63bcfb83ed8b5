// SPDX-License-Identifier: GPL-2.0-only
//
// The requests of a type1 container. Linux v6.12 drivers/vfio/vfio_iommu_type1.c.
#pragma once

#include "vfio/v6_12/type1/vfio_iommu.h"

namespace iommulab::v6_12 {

int vfio_iommu_type1_get_info(vfio_iommu& iommu, task_struct& current, uint64_t arg);
int vfio_iommu_type1_map_dma(vfio_iommu& iommu, task_struct& current, uint64_t arg);
int vfio_iommu_type1_unmap_dma(vfio_iommu& iommu, task_struct& current, uint64_t arg);
int vfio_iommu_type1_dirty_pages(vfio_iommu& iommu, task_struct& current, uint64_t arg);

}  // namespace iommulab::v6_12
