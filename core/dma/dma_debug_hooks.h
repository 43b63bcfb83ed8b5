// SPDX-License-Identifier: GPL-2.0-only
//
// What the DMA API tells who checks its callers (environment::dma_debug). Linux v4.4
// include/linux/dma-debug.h, by name; the calls stand where dma-mapping-common.h has them. Memory
// is named by physical address, as in dma_mapping.h.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "core/dma/dma_map_ops.h"

namespace iommulab {

class dma_debug_hooks {
 public:
  virtual ~dma_debug_hooks() = default;

  virtual void debug_dma_map_page(device& dev, phys_addr page, uint64_t offset, uint64_t size,
                                  dma_data_direction direction, dma_addr address,
                                  bool map_single) = 0;
  virtual void debug_dma_mapping_error(device& dev, dma_addr address) = 0;
  virtual void debug_dma_unmap_page(device& dev, dma_addr address, uint64_t size,
                                    dma_data_direction direction, bool map_single) = 0;
  /// `sg` is the whole list, of which `mapped_ents` pieces are what the device sees.
  virtual void debug_dma_map_sg(device& dev, absl::Span<const scatterlist> sg, int mapped_ents,
                                dma_data_direction direction) = 0;
  virtual void debug_dma_unmap_sg(device& dev, absl::Span<const scatterlist> sg,
                                  dma_data_direction direction) = 0;
  /// `virt` is nothing when there was no memory.
  virtual void debug_dma_alloc_coherent(device& dev, uint64_t size, dma_addr address,
                                        std::optional<phys_addr> virt) = 0;
  virtual void debug_dma_free_coherent(device& dev, uint64_t size, phys_addr virt,
                                       dma_addr address) = 0;
  /// The kernel's functions without a range have an offset of 0.
  virtual void debug_dma_sync_single_range_for_cpu(device& dev, dma_addr address, uint64_t offset,
                                                   uint64_t size, dma_data_direction direction) = 0;
  virtual void debug_dma_sync_single_range_for_device(device& dev, dma_addr address,
                                                      uint64_t offset, uint64_t size,
                                                      dma_data_direction direction) = 0;
  virtual void debug_dma_sync_sg_for_cpu(device& dev, absl::Span<const scatterlist> sg,
                                         dma_data_direction direction) = 0;
  virtual void debug_dma_sync_sg_for_device(device& dev, absl::Span<const scatterlist> sg,
                                            dma_data_direction direction) = 0;
};

}  // namespace iommulab
