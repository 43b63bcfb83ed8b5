// SPDX-License-Identifier: GPL-2.0-only
//
// DMA without an IOMMU: a device sees a buffer at its physical address, or not at all. Linux v4.4
// arch/x86/kernel/pci-nommu.c, by name.
//
// There is no state of its own, so any thread may call any function.
#pragma once

#include "core/dma/dma_map_ops.h"
#include "dma/memory/coherent_memory.h"

namespace iommulab {

/// Linux v4.4 arch/x86/kernel/pci-nommu.c: nommu_dma_ops. A failed mapping is address 0. Unmapping
/// and handing over have nothing to do.
class nommu_dma_ops final : public dma_map_ops {
 public:
  explicit nommu_dma_ops(coherent_memory& memory) : memory_(memory) {}

  std::optional<phys_addr> alloc(device& dev, uint64_t size, dma_addr& handle,
                                 gfp_t flags) override;
  void free(device& dev, uint64_t size, phys_addr cpu_addr, dma_addr handle) override;
  dma_addr map_page(device& dev, phys_addr page, uint64_t offset, uint64_t size,
                    dma_data_direction dir) override;
  void unmap_page(device&, dma_addr, uint64_t, dma_data_direction) override {}
  int map_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) override;
  void unmap_sg(device&, absl::Span<scatterlist>, dma_data_direction) override {}
  bool mapping_error(device&, dma_addr handle) override { return handle.value() == 0; }

 private:
  coherent_memory& memory_;
};

}  // namespace iommulab
