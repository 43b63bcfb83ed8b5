// SPDX-License-Identifier: GPL-2.0-only
//
// The DMA API through the IOMMU: a buffer gets a range of I/O virtual addresses in the domain of
// its device, and the pages are mapped there. Unmapping clears the entries at once; the IOTLB is
// flushed at once (strict), or later for many ranges together (deferred_flush.h).
//
// Any thread may call. A range of addresses is its caller's alone between mapping and unmapping;
// allocator, deferred tables and queues have locks of their own.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "core/dma/dma_map_ops.h"
#include "dma/contiguous/dma_contiguous.h"
#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

/// Linux v4.4 drivers/iommu/intel-iommu.c: intel_dma_ops
class intel_dma_ops final : public dma_map_ops {
 public:
  /// `drv` and the area for contiguous buffers, null for none, outlive the operations.
  explicit intel_dma_ops(intel_driver& drv, cma* contiguous = nullptr)
      : drv_(drv), contiguous_(contiguous) {}

  std::optional<phys_addr> alloc(device& dev, uint64_t size, dma_addr& handle,
                                 gfp_t flags) override;
  void free(device& dev, uint64_t size, phys_addr cpu_addr, dma_addr handle) override;
  dma_addr map_page(device& dev, phys_addr page, uint64_t offset, uint64_t size,
                    dma_data_direction dir) override;
  void unmap_page(device& dev, dma_addr handle, uint64_t size, dma_data_direction dir) override;
  int map_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) override;
  void unmap_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) override;
  bool mapping_error(device& dev, dma_addr handle) override;

 private:
  dma_addr map_single(device& dev, phys_addr paddr, uint64_t size, dma_data_direction dir,
                      uint64_t dma_mask);
  void unmap(device& dev, dma_addr handle);
  std::optional<phys_addr> take_contiguous(device& dev, uint64_t size, gfp_t flags);
  void free_memory(phys_addr page, uint64_t size);

  intel_driver& drv_;
  cma* contiguous_;
};

}  // namespace iommulab::v4_4
