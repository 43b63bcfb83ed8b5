// SPDX-License-Identifier: GPL-2.0-only
//
// Which pages devices may have written to: one bit a page of each mapping, while the user logs.
// Linux v6.12 drivers/vfio/vfio_iommu_type1.c.
//
// Unless all groups of the container pin what they write to, every page that is mapped in a domain
// is dirty.
#pragma once

#include <cstdint>

#include "vfio/v6_12/type1/vfio_iommu.h"

namespace iommulab::v6_12 {

/// Whole words for `bits`, in bytes: DIRTY_BITMAP_BYTES().
constexpr uint64_t dirty_bitmap_bytes(uint64_t bits) {
  return ((bits + 63) & ~uint64_t{63}) / 8;
}
inline constexpr uint64_t dirty_bitmap_pages_max = INT32_MAX;
inline constexpr uint64_t dirty_bitmap_size_max = dirty_bitmap_bytes(dirty_bitmap_pages_max);

int vfio_dma_bitmap_alloc(vfio_iommu& iommu, vfio_dma& dma, uint64_t pgsize);
void vfio_dma_bitmap_free(vfio_iommu& iommu, vfio_dma& dma);
int vfio_dma_bitmap_alloc_all(vfio_iommu& iommu, uint64_t pgsize);
void vfio_dma_bitmap_free_all(vfio_iommu& iommu);
/// Every page of every mapping is dirty.
void vfio_iommu_populate_bitmap_full(vfio_iommu& iommu);
/// `count` pages from byte `offset` of the mapping on are dirty.
void vfio_dma_set_dirty(vfio_iommu& iommu, vfio_dma& dma, uint64_t offset, uint64_t count);

/// The mapping's bits into the user's bitmap, whose first bit stands for `base_iova`.
int update_user_bitmap(vfio_iommu& iommu, task_struct& current, uint64_t bitmap, vfio_dma& dma,
                       uint64_t base_iova, uint64_t pgsize);
/// The same for all mappings in [iova, iova + size), which cuts none; their bits begin anew.
int vfio_iova_dirty_bitmap(vfio_iommu& iommu, task_struct& current, uint64_t bitmap, uint64_t iova,
                           uint64_t size, uint64_t pgsize);
/// 0 or -EINVAL.
int verify_bitmap_size(vfio_iommu& iommu, uint64_t npages, uint64_t bitmap_size);

}  // namespace iommulab::v6_12
