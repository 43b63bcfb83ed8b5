// SPDX-License-Identifier: GPL-2.0-only
//
// Mappings end. Linux v4.4 drivers/vfio/vfio_iommu_type1.c.
//
// Where a page lies is asked of the newest domain's tables; all other domains are unmapped before,
// so that nothing translates to a page that is unpinned.
#pragma once

#include "vfio/uapi/vfio.h"
#include "vfio/v4_4/type1/vfio_iommu.h"

namespace iommulab::v4_4 {

/// The mapping ends and is freed.
void vfio_remove_dma(vfio_iommu& iommu, vfio_dma& dma);
/// `unmap.size` becomes what was unmapped. -EINVAL for what is no whole number of pages, and of the
/// second version for what would cut a mapping.
int vfio_dma_do_unmap(vfio_iommu& iommu, uapi::vfio_iommu_type1_dma_unmap& unmap);
void vfio_iommu_unmap_unpin_all(vfio_iommu& iommu);

}  // namespace iommulab::v4_4
