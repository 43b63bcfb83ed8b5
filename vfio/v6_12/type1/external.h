// SPDX-License-Identifier: GPL-2.0-only
//
// What drivers of devices that do no DMA of their own ask of a container: pages of the user's by
// their I/O virtual address, pinned or copied. Linux v6.12 drivers/vfio/vfio_iommu_type1.c.
#pragma once

#include <vector>

#include "absl/types/span.h"
#include "vfio/v6_12/type1/vfio_iommu.h"

namespace iommulab::v6_12 {

int vfio_iommu_type1_pin_pages(vfio_iommu& iommu, iommu_group& group, uint64_t user_iova, int npage,
                               int prot, std::vector<phys_addr>& pages);
void vfio_iommu_type1_unpin_pages(vfio_iommu& iommu, uint64_t user_iova, int npage);
int vfio_iommu_type1_dma_rw(vfio_iommu& iommu, task_struct& current, uint64_t user_iova,
                            absl::Span<std::byte> data, bool write);

}  // namespace iommulab::v6_12
