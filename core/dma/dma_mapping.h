// SPDX-License-Identifier: GPL-2.0-only
//
// The DMA API that device drivers call. Linux v4.4 include/linux/dma-mapping.h,
// include/asm-generic/dma-mapping-common.h, arch/x86/kernel/pci-dma.c, by name.
//
// Buffers are named by physical address (see dma_map_ops.h). Misuse that the kernel answers with
// BUG() throws kernel_bug.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "core/dma/dma_map_ops.h"

namespace iommulab {

/// The device's own operations, else those of its bus; kernel_bug when there are none.
dma_map_ops& get_dma_ops(const device& dev);

dma_addr dma_map_single(device& dev, phys_addr cpu_addr, uint64_t size, dma_data_direction dir);
void dma_unmap_single(device& dev, dma_addr handle, uint64_t size, dma_data_direction dir);
dma_addr dma_map_page(device& dev, phys_addr page, uint64_t offset, uint64_t size,
                      dma_data_direction dir);
void dma_unmap_page(device& dev, dma_addr handle, uint64_t size, dma_data_direction dir);
/// Pieces that the device sees, 0 on failure.
int dma_map_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir);
/// `sg` is the list that was given to dma_map_sg(), whatever that returned.
void dma_unmap_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir);

void dma_sync_single_for_cpu(device& dev, dma_addr handle, uint64_t size, dma_data_direction dir);
void dma_sync_single_for_device(device& dev, dma_addr handle, uint64_t size,
                                dma_data_direction dir);
/// The part at `offset` of the mapping that begins at `handle`.
void dma_sync_single_range_for_cpu(device& dev, dma_addr handle, uint64_t offset, uint64_t size,
                                   dma_data_direction dir);
void dma_sync_single_range_for_device(device& dev, dma_addr handle, uint64_t offset, uint64_t size,
                                      dma_data_direction dir);
void dma_sync_sg_for_cpu(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir);
void dma_sync_sg_for_device(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir);

/// Whether a mapping failed; every result of dma_map_single() and dma_map_page() is to be asked.
bool dma_mapping_error(device& dev, dma_addr handle);

/// Memory shared with the device, zeroed, aligned to its size; nothing when there is none.
std::optional<phys_addr> dma_alloc_coherent(device& dev, uint64_t size, dma_addr& handle,
                                            gfp_t flags);
void dma_free_coherent(device& dev, uint64_t size, phys_addr cpu_addr, dma_addr handle);

/// 0, or -EIO for a mask that cannot be served.
int dma_set_mask(device& dev, uint64_t mask);
int dma_set_coherent_mask(device& dev, uint64_t mask);
/// The result is that of the streaming mask.
int dma_set_mask_and_coherent(device& dev, uint64_t mask);
bool dma_supported(device& dev, uint64_t mask);
/// The mask that reaches all of memory. Linux v4.4 drivers/base/platform.c
uint64_t dma_get_required_mask(const device& dev);
/// The device's mask; 32 bits when it has none.
uint64_t dma_get_mask(const device& dev);
/// `mask`, or what the device's bus makes of it: min_not_zero(mask, dev->bus_dma_limit).
inline uint64_t dma_limit_of(const device& dev, uint64_t mask) {
  return dev.bus_dma_limit == 0 ? mask : std::min(mask, dev.bus_dma_limit);
}
/// Whether the device can address [address, address + size).
bool dma_capable(const device& dev, dma_addr address, uint64_t size);

/// What coherent memory must be below; a device without a mask gets 32 bits, or 24 with GFP_DMA.
uint64_t dma_alloc_coherent_mask(const device& dev, gfp_t flags);
/// `flags` with the zone that this mask asks for.
gfp_t dma_alloc_coherent_gfp_flags(const device& dev, gfp_t flags);

}  // namespace iommulab
