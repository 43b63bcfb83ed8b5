// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v6_12/x86_dma.h"

#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/dma/dma_mapping.h"
#include "dma/v6_12/swiotlb.h"

namespace iommulab::v6_12 {
namespace {

constexpr uint64_t max_dma32_frame = (uint64_t{4} << 30) >> page_shift;

/// pci_walk_bus() with via_no_dac_cb()
void limit_to_32_bits(pci_bus& bus) {
  for (const auto& pdev : bus.devices) pdev->dev.bus_dma_limit = dma_bit_mask(32);
  for (const auto& child : bus.children) limit_to_32_bits(*child);
}

}  // namespace

x86_dma::x86_dma(x86_options& options, iommu_subsystem& iommu, bus_type& bus,
                 physical_memory& memory, page_allocator& pages, const cma_parameters& area,
                 const dma_iommu_parameters& parameters, const dma_release& release)
    : options_(options),
      bus_(bus),
      memory_{memory, pages},
      contiguous_(dma_contiguous_reserve(area, pages, phys_addr(bus.env.max_pfn << page_shift),
                                         bus.env.log)),
      operations_(iommu, memory_, /*bounce=*/nullptr, options.swiotlb_force_bounce, parameters,
                  /*cpus=*/1, release) {
  memory_.contiguous = contiguous_.get();
  bus_.dma_ops = &operations_;
}

x86_dma::~x86_dma() {
  bus_.dma_ops = nullptr;
}

// Linux v6.12 arch/x86/kernel/pci-dma.c: via_no_dac()
void x86_dma::apply_final_quirks(pci_core& pci) {
  if (options_.disable_dac_quirk) return;
  pci.for_each_pci_dev([](pci_dev& bridge) {
    constexpr uint16_t via = 0x1106;
    constexpr uint32_t class_bridge_pci = 0x0604;
    if (bridge.vendor != via || bridge.class_code >> 8 != class_bridge_pci) return;
    dev_printk(bridge.dev, log_level::info, "disabling DAC on VIA PCI bridge");
    for (const auto& below : bridge.bus->children) {
      if (below->self == &bridge) limit_to_32_bits(*below);
    }
  });
}

// Linux v6.12 kernel/dma/swiotlb.c: swiotlb_init_remap()
void x86_dma::swiotlb_init() {
  if (!options_.x86_swiotlb_enable && !options_.swiotlb_force_bounce) return;
  if (options_.swiotlb_force_disable) return;
  if (options_.swiotlb_areas == 0) {
    options_.swiotlb_areas = 1;
    bus_.env.log.print(log_level::info, "software IO TLB: area num 1.");
  }
  io_tlb_ = std::make_unique<io_tlb>(swiotlb(), bus_.env, memory_.memory, memory_.pages,
                                     options_.platform.io_tlb_nslabs);
  io_tlb_->swiotlb_init();
  operations_.set_bounce(io_tlb_.get());
}

// Linux v6.12 kernel/dma/swiotlb.c: swiotlb_exit()
void x86_dma::swiotlb_exit() {
  if (options_.swiotlb_force_bounce || io_tlb_ == nullptr) return;
  bus_.env.log.print(log_level::info, "software IO TLB: tearing down default memory pool");
  operations_.set_bounce(nullptr);
  io_tlb_->swiotlb_free();
  io_tlb_.reset();
}

bool x86_dma::pci_iommu_alloc(absl::FunctionRef<bool()> detect_iommu) {
  // pci_swiotlb_detect()
  if (!options_.platform.iommu.no_iommu && bus_.env.max_pfn > max_dma32_frame) {
    options_.x86_swiotlb_enable = true;
  }
  const bool detected = detect_iommu();
  swiotlb_init();
  return detected;
}

void x86_dma::pci_iommu_init() {
  if (!options_.x86_swiotlb_enable) return swiotlb_exit();
  bus_.env.log.print(log_level::info, "PCI-DMA: Using software bounce buffering for IO (SWIOTLB)");
  if (io_tlb_ != nullptr) {
    io_tlb_->swiotlb_print_info();
  } else {
    bus_.env.log.print(log_level::warning, "software IO TLB: No low mem");
  }
}

}  // namespace iommulab::v6_12
