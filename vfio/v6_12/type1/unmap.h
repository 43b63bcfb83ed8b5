// SPDX-License-Identifier: GPL-2.0-only
//
// Mappings end. Linux v6.12 drivers/vfio/vfio_iommu_type1.c.
//
// Where a page lies is asked of the newest domain's tables; all other domains are unmapped before,
// so that nothing translates to a page that is unpinned.
#pragma once

#include "vfio/uapi/vfio.h"
#include "vfio/v6_12/type1/vfio_iommu.h"

namespace iommulab::v6_12 {

/// Takes the mapping out of all domains and unpins its pages: how many of them are not counted any
/// more, or 0 with `do_accounting`, which does that here.
int64_t vfio_unmap_unpin(vfio_iommu& iommu, vfio_dma& dma, bool do_accounting);
/// The mapping ends and is freed.
void vfio_remove_dma(vfio_iommu& iommu, vfio_dma& dma);
/// `unmap.size` becomes what was unmapped. `bitmap` counts with the dirty bitmap's flag.
int vfio_dma_do_unmap(vfio_iommu& iommu, task_struct& current,
                      uapi::vfio_iommu_type1_dma_unmap& unmap, const uapi::vfio_bitmap& bitmap);
void vfio_iommu_unmap_unpin_all(vfio_iommu& iommu);
/// The last domain goes, and drivers' pins stay: these are counted from now on.
void vfio_iommu_unmap_unpin_reaccount(vfio_iommu& iommu);

}  // namespace iommulab::v6_12
