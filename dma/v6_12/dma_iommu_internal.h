// SPDX-License-Identifier: GPL-2.0-only
//
// What is static in dma-iommu.c and shared between its parts here.
#pragma once

#include "dma/v6_12/dma_iommu.h"

namespace iommulab::v6_12 {

/// dma_info_to_prot(), for a device whose DMA is coherent, as all are on x86.
int prot_for(dma_data_direction dir);
/// A range of `size` bytes, whole frames, that ends at or below `dma_limit`; address 0 for none.
dma_addr iommu_dma_alloc_iova(dma_iommu& dma, iommu_domain& domain, uint64_t size,
                              uint64_t dma_limit, device& dev);
/// iommu_dma_free_iova(): now, or when the flush of a queued `gather` is over.
void iommu_dma_free_iova(iommu_dma_cookie& cookie, dma_addr iova, uint64_t size,
                         iommu_iotlb_gather* gather);
/// __iommu_dma_map()
dma_addr iommu_dma_map(dma_iommu& dma, device& dev, phys_addr phys, uint64_t size, int prot,
                       uint64_t dma_mask);
/// __iommu_dma_unmap()
void iommu_dma_unmap(dma_iommu& dma, device& dev, dma_addr address, uint64_t size);

}  // namespace iommulab::v6_12
