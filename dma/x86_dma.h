// SPDX-License-Identifier: GPL-2.0-only
//
// Which DMA operations a system gets. Linux v4.4 arch/x86/kernel/pci-dma.c and pci-swiotlb.c, by
// name.
//
// The bus has operations from the beginning: those without an IOMMU. Bounce buffers replace them
// where they are asked for (`iommu=soft`, `swiotlb=force`), or where there is memory beyond 4 GiB
// and no `iommu=off`; the IOMMU driver replaces either when its start-up succeeds, and the bounce
// buffers' memory is given back then. Bounce buffers that are asked for keep the IOMMU driver from
// being looked for at all.
//
// The boot's one thread calls these; the operations themselves are for any thread.
#pragma once

#include <memory>

#include "absl/functional/function_ref.h"
#include "core/device.h"
#include "core/pci/pci.h"
#include "core/x86_options.h"
#include "dma/contiguous/dma_contiguous.h"
#include "dma/direct/nommu.h"
#include "dma/memory/coherent_memory.h"
#include "dma/swiotlb/io_tlb.h"
#include "dma/swiotlb/swiotlb.h"

namespace iommulab {

class x86_dma {
 public:
  /// Gives `bus` the operations without an IOMMU. What `options` say is looked at when a phase
  /// runs; `swiotlb` in it is the kernel's variable and changes.
  x86_dma(const swiotlb_release& swiotlb, x86_options& options, bus_type& bus,
          physical_memory& memory, page_allocator& pages);
  x86_dma(const x86_dma&) = delete;
  x86_dma& operator=(const x86_dma&) = delete;

  /// After the early parameters: policy about addresses beyond 4 GiB, and the area of `cma=`.
  /// Linux v4.4 arch/x86/kernel/setup.c: setup_arch()
  void setup_arch(const cma_parameters& parameters);
  /// Has the quirk of VIA bridges registered, behind which no device uses addresses beyond 4 GiB.
  void register_quirks(pci_core& pci);

  /// Looks for what can do DMA. `detect_iommu` is asked unless bounce buffers are asked for; its
  /// answer is returned. Linux v4.4 arch/x86/kernel/pci-dma.c: pci_iommu_alloc()
  bool pci_iommu_alloc(absl::FunctionRef<bool()> detect_iommu);
  /// The IOMMU driver's start-up succeeded: from now on the bus does DMA through `ops`.
  void install_iommu(dma_map_ops& ops);
  /// What comes behind the IOMMU driver's start-up, whatever it came to: bounce buffers are told
  /// of, or given back. Linux v4.4 arch/x86/kernel/pci-dma.c: pci_iommu_init()
  void pci_iommu_init();

  /// The area of `cma=`, or null.
  [[nodiscard]] cma* contiguous() const { return contiguous_.get(); }
  /// Null where no bounce buffers were set up.
  [[nodiscard]] const io_tlb* bounce_buffers() const { return io_tlb_.get(); }

 private:
  bool pci_swiotlb_detect_override();
  bool pci_swiotlb_detect_4gb();
  void pci_swiotlb_init();

  const swiotlb_release& swiotlb_release_;
  x86_options& options_;
  bus_type& bus_;
  coherent_memory memory_;
  std::unique_ptr<cma> contiguous_;
  nommu_dma_ops nommu_;
  std::unique_ptr<io_tlb> io_tlb_;
  std::unique_ptr<swiotlb_dma_ops> swiotlb_;
};

}  // namespace iommulab
