// SPDX-License-Identifier: GPL-2.0-only
//
// What does DMA on x86 in 6.12: one set of operations from the beginning, through the IOMMU or
// directly as each device has it; and bounce buffers where there is memory beyond 4 GiB or somebody
// asked for them. They keep nobody from looking for remapping hardware, and stay beside it.
//
// The boot's one thread calls these; the operations themselves are for any thread.
#pragma once

#include <memory>

#include "absl/functional/function_ref.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/pci/pci.h"
#include "dma/contiguous/dma_contiguous.h"
#include "dma/memory/coherent_memory.h"
#include "dma/swiotlb/io_tlb.h"
#include "dma/v6_12/dma_mapping.h"
#include "kernel/v6_12/x86_options.h"

namespace iommulab::v6_12 {

class x86_dma {
 public:
  /// The operations of the devices on `bus`. What `options` say is looked at when a phase runs;
  /// `x86_swiotlb_enable` in it is the kernel's variable and changes. All outlive it.
  x86_dma(x86_options& options, iommu_subsystem& iommu, bus_type& bus, physical_memory& memory,
          page_allocator& pages, const cma_parameters& area, const dma_iommu_parameters& parameters,
          const dma_release& release = dma_of_6_12);
  ~x86_dma();
  x86_dma(const x86_dma&) = delete;
  x86_dma& operator=(const x86_dma&) = delete;

  /// Behind VIA's bridges no device uses addresses beyond 4 GiB; after the scan of the buses.
  void apply_final_quirks(pci_core& pci);
  /// Bounce buffers are set up, when they are needed, behind `detect_iommu`, whose answer is
  /// returned. Linux v6.12 arch/x86/kernel/pci-dma.c: pci_iommu_alloc()
  bool pci_iommu_alloc(absl::FunctionRef<bool()> detect_iommu);
  /// What comes behind the IOMMU driver's start-up. Linux v6.12 arch/x86/kernel/pci-dma.c:
  /// pci_iommu_init()
  void pci_iommu_init();

  [[nodiscard]] dma_mapping& operations() { return operations_; }
  [[nodiscard]] dma_iommu& iommu() { return operations_.iommu(); }

 private:
  void swiotlb_init();
  void swiotlb_exit();

  x86_options& options_;
  bus_type& bus_;
  coherent_memory memory_;
  std::unique_ptr<cma> contiguous_;
  std::unique_ptr<io_tlb> io_tlb_;
  dma_mapping operations_;
};

}  // namespace iommulab::v6_12
