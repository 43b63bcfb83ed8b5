// SPDX-License-Identifier: GPL-2.0-only
//
// DMA with bounce buffers: a device sees a buffer that it can reach at its physical address, and of
// every other buffer a copy in the slots of an io_tlb. Linux v4.4 lib/swiotlb.c and
// arch/x86/kernel/pci-swiotlb.c, by name.
//
// Any thread may call any function.
#pragma once

#include "core/dma/dma_map_ops.h"
#include "dma/memory/coherent_memory.h"
#include "dma/swiotlb/io_tlb.h"

namespace iommulab {

/// Linux v4.4 arch/x86/kernel/pci-swiotlb.c: swiotlb_dma_ops. A failed mapping is the address of
/// the overflow buffer; one of more than 32 KiB that fails in map_page() is a kernel_panic.
class swiotlb_dma_ops final : public dma_map_ops {
 public:
  /// `force`: every buffer is bounced, reachable or not.
  swiotlb_dma_ops(coherent_memory& memory, io_tlb& table, bool force)
      : memory_(memory), table_(table), force_(force) {}

  std::optional<phys_addr> alloc(device& dev, uint64_t size, dma_addr& handle,
                                 gfp_t flags) override;
  void free(device& dev, uint64_t size, phys_addr cpu_addr, dma_addr handle) override;
  dma_addr map_page(device& dev, phys_addr page, uint64_t offset, uint64_t size,
                    dma_data_direction dir) override;
  void unmap_page(device& dev, dma_addr handle, uint64_t size, dma_data_direction dir) override;
  int map_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) override;
  void unmap_sg(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) override;
  void sync_single_for_cpu(device& dev, dma_addr handle, uint64_t size,
                           dma_data_direction dir) override;
  void sync_single_for_device(device& dev, dma_addr handle, uint64_t size,
                              dma_data_direction dir) override;
  void sync_sg_for_cpu(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) override;
  void sync_sg_for_device(device& dev, absl::Span<scatterlist> sg, dma_data_direction dir) override;
  bool mapping_error(device& dev, dma_addr handle) override;

 private:
  std::optional<phys_addr> swiotlb_alloc_coherent(device& dev, uint64_t size, dma_addr& handle,
                                                  gfp_t flags);
  std::optional<phys_addr> slots_below(device& dev, uint64_t size, uint64_t mask);
  void sync(device& dev, dma_addr handle, uint64_t size, dma_data_direction dir,
            dma_sync_target target);

  coherent_memory& memory_;
  io_tlb& table_;
  bool force_;
};

}  // namespace iommulab
