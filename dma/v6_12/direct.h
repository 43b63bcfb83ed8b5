// SPDX-License-Identifier: GPL-2.0-only
//
// DMA without an IOMMU in the way: a device sees a buffer at its physical address, or a bounced
// copy of it, or not at all. Linux v6.12 kernel/dma/direct.c, by name.
//
// Any thread may call any function.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "core/dma/dma_map_ops.h"
#include "dma/memory/coherent_memory.h"
#include "dma/swiotlb/io_tlb.h"

namespace iommulab::v6_12 {

struct dma_direct {
  coherent_memory& memory;
  io_tlb* bounce = nullptr;         ///< null without bounce buffers
  bool force_bounce = false;        ///< swiotlb=force
  bool warned_of_overflow = false;  ///< dev_WARN_ONCE() of dma_direct_map_page()
  bool warned_of_slots = false;     ///< dev_WARN_ONCE() of swiotlb_map()
};

std::optional<phys_addr> dma_direct_alloc(dma_direct& dma, device& dev, uint64_t size,
                                          dma_addr& handle, gfp_t gfp);
void dma_direct_free(dma_direct& dma, device& dev, uint64_t size, phys_addr cpu_addr);
/// DMA_MAPPING_ERROR for a buffer that the device does not reach.
dma_addr dma_direct_map_page(dma_direct& dma, device& dev, phys_addr page, uint64_t offset,
                             uint64_t size, dma_data_direction dir);
void dma_direct_unmap_page(dma_direct& dma, device& dev, dma_addr address, uint64_t size,
                           dma_data_direction dir);
/// Pieces mapped, or -EIO.
int dma_direct_map_sg(dma_direct& dma, device& dev, absl::Span<scatterlist> sg,
                      dma_data_direction dir);
void dma_direct_unmap_sg(dma_direct& dma, device& dev, absl::Span<scatterlist> sg,
                         dma_data_direction dir);
void dma_direct_sync_single(dma_direct& dma, device& dev, dma_addr address, uint64_t size,
                            dma_data_direction dir, dma_sync_target target);
/// Any mask of 32 bits and more; a smaller one when it reaches all memory, or the first 16 MiB.
bool dma_direct_supported(const device& dev, uint64_t mask);

}  // namespace iommulab::v6_12
