// SPDX-License-Identifier: GPL-2.0-only
//
// The DMA operations of a system with Linux 6.12: of every device from the beginning, through the
// IOMMU for those whose group has a translating default domain, directly for the others. Linux
// v6.12 kernel/dma/mapping.c: what its functions decide; their names are core/dma's.
//
// Any thread may call any function.
#pragma once

#include "core/dma/dma_map_ops.h"
#include "dma/v6_12/direct.h"
#include "dma/v6_12/dma_iommu.h"

namespace iommulab::v6_12 {

class dma_mapping final : public dma_map_ops {
 public:
  /// `bounce` is null without bounce buffers; `force_bounce` is swiotlb=force. All outlives it.
  dma_mapping(iommu_subsystem& iommu, coherent_memory& memory, io_tlb* bounce, bool force_bounce,
              const dma_iommu_parameters& parameters, unsigned cpus = 1,
              const dma_release& release = dma_of_6_12)
      : iommu_(iommu, memory, bounce, parameters, cpus, release),
        direct_{.memory = memory, .bounce = bounce, .force_bounce = force_bounce} {}

  /// Bounce buffers were set up, or given back (null).
  void set_bounce(io_tlb* bounce) { iommu_.bounce = direct_.bounce = bounce; }
  [[nodiscard]] dma_iommu& iommu() { return iommu_; }

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
  bool mapping_error(device&, dma_addr handle) override {
    return handle == dma_mapping_error_address;
  }
  bool dma_supported(device& dev, uint64_t mask) override;

 private:
  dma_iommu iommu_;
  dma_direct direct_;
};

}  // namespace iommulab::v6_12
