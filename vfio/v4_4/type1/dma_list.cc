// SPDX-License-Identifier: GPL-2.0-only
//
// Mappings by address. Linux v4.4 drivers/vfio/vfio_iommu_type1.c.
#include "vfio/v4_4/type1/vfio_iommu.h"

namespace iommulab::v4_4 {

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_find_dma()
vfio_dma* vfio_find_dma(vfio_iommu& iommu, uint64_t start, uint64_t size) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_find_dma", {"start", start}, {"size", size});
  const auto none = iommu.dma_list.end();
  auto at = iommu.dma_list.root();
  while (at != none && at.pointed_node() != nullptr) {
    vfio_dma& dma = *at;
    if (start + size <= dma.iova) {
      at.go_left();
    } else if (start >= dma.iova + dma.size) {
      at.go_right();
    } else {
      return this_call.result(&dma, dma.iova);
    }
  }
  return this_call.result(nullptr);
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_link_dma()
void vfio_link_dma(vfio_iommu& iommu, vfio_dma& dma) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_link_dma", {"new", dma.iova});
  iommu.dma_list.insert(dma);
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_unlink_dma()
void vfio_unlink_dma(vfio_iommu& iommu, vfio_dma& dma) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_unlink_dma", {"old", dma.iova});
  iommu.dma_list.erase(iommu.dma_list.iterator_to(dma));
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_pgsize_bitmap()
uint64_t vfio_pgsize_bitmap(vfio_iommu& iommu) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_pgsize_bitmap");
  uint64_t bitmap = UINT64_MAX;
  for (const vfio_domain* each : iommu.domain_list) bitmap &= each->domain->ops->pgsize_bitmap;
  // Smaller pages are the driver's own business: what is pinned is whole pages.
  if ((bitmap & ~page_mask) != 0) bitmap = (bitmap & page_mask) | page_size;
  return this_call.result(bitmap);
}

uint64_t pgsize_mask(vfio_iommu& iommu) {
  const uint64_t bitmap = vfio_pgsize_bitmap(iommu);
  return (bitmap & (~bitmap + 1)) - 1;
}

}  // namespace iommulab::v4_4
