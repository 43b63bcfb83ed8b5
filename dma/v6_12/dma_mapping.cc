// SPDX-License-Identifier: GPL-2.0-only
#include "dma/v6_12/dma_mapping.h"

#include <algorithm>

namespace iommulab::v6_12 {

std::optional<phys_addr> dma_mapping::alloc(device& dev, uint64_t size, dma_addr& handle,
                                            gfp_t flags) {
  if (dev.dma_iommu) return iommu_dma_alloc(iommu_, dev, size, handle, flags);
  return dma_direct_alloc(direct_, dev, size, handle, flags);
}

void dma_mapping::free(device& dev, uint64_t size, phys_addr cpu_addr, dma_addr handle) {
  if (dev.dma_iommu) {
    iommu_dma_free(iommu_, dev, size, cpu_addr, handle);
  } else {
    dma_direct_free(direct_, dev, size, cpu_addr);
  }
}

dma_addr dma_mapping::map_page(device& dev, phys_addr page, uint64_t offset, uint64_t size,
                               dma_data_direction dir) {
  if (dev.dma_iommu) return iommu_dma_map_page(iommu_, dev, page, offset, size, dir);
  return dma_direct_map_page(direct_, dev, page, offset, size, dir);
}

void dma_mapping::unmap_page(device& dev, dma_addr handle, uint64_t size, dma_data_direction dir) {
  if (dev.dma_iommu) {
    iommu_dma_unmap_page(iommu_, dev, handle, size, dir);
  } else {
    dma_direct_unmap_page(direct_, dev, handle, size, dir);
  }
}

int dma_mapping::map_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) {
  const int mapped = dev.dma_iommu ? iommu_dma_map_sg(iommu_, dev, sg, dir)
                                   : dma_direct_map_sg(direct_, dev, sg, dir);
  return std::max(mapped, 0);
}

void dma_mapping::unmap_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) {
  if (dev.dma_iommu) {
    iommu_dma_unmap_sg(iommu_, dev, sg, dir);
  } else {
    dma_direct_unmap_sg(direct_, dev, sg, dir);
  }
}

// Where buffers are never bounced, handing them over is skipped altogether (dma_skip_sync).

void dma_mapping::sync_single_for_cpu(device& dev, dma_addr handle, uint64_t size,
                                      dma_data_direction dir) {
  if (!dev.dma_iommu) {
    dma_direct_sync_single(direct_, dev, handle, size, dir, dma_sync_target::cpu);
  } else if (dev_is_untrusted(dev)) {
    iommu_dma_sync_single_for_cpu(iommu_, dev, handle, size, dir);
  }
}

void dma_mapping::sync_single_for_device(device& dev, dma_addr handle, uint64_t size,
                                         dma_data_direction dir) {
  if (!dev.dma_iommu) {
    dma_direct_sync_single(direct_, dev, handle, size, dir, dma_sync_target::device);
  } else if (dev_is_untrusted(dev)) {
    iommu_dma_sync_single_for_device(iommu_, dev, handle, size, dir);
  }
}

void dma_mapping::sync_sg_for_cpu(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) {
  if (dev.dma_iommu) {
    if (dev_is_untrusted(dev)) iommu_dma_sync_sg_for_cpu(iommu_, dev, sg, dir);
    return;
  }
  for (const scatterlist& piece : sg) {
    dma_direct_sync_single(direct_, dev, piece.dma_address, piece.length, dir,
                           dma_sync_target::cpu);
  }
}

void dma_mapping::sync_sg_for_device(device& dev, absl::Span<scatterlist> sg,
                                     dma_data_direction dir) {
  if (dev.dma_iommu) {
    if (dev_is_untrusted(dev)) iommu_dma_sync_sg_for_device(iommu_, dev, sg, dir);
    return;
  }
  for (const scatterlist& piece : sg) {
    dma_direct_sync_single(direct_, dev, piece.dma_address, piece.length, dir,
                           dma_sync_target::device);
  }
}

bool dma_mapping::dma_supported(device& dev, uint64_t mask) {
  return dev.dma_iommu || dma_direct_supported(dev, mask);
}

}  // namespace iommulab::v6_12
