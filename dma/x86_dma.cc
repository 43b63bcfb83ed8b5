// SPDX-License-Identifier: GPL-2.0-only
#include "dma/x86_dma.h"

#include "core/dev_printk.h"

namespace iommulab {
namespace {

constexpr uint64_t max_dma32_pfn = (uint64_t{4} << 30) >> page_shift;

}  // namespace

x86_dma::x86_dma(const swiotlb_release& swiotlb, x86_options& options, bus_type& bus,
                 physical_memory& memory, page_allocator& pages)
    : swiotlb_release_(swiotlb),
      options_(options),
      bus_(bus),
      memory_{memory, pages},
      nommu_(memory_) {
  bus_.dma_ops = &nommu_;
}

void x86_dma::setup_arch(const cma_parameters& parameters) {
  environment& env = bus_.env;
  env.dac = {.forbid_dac = options_.iommu.forbid_dac,
             .iommu_sac_force = options_.iommu.iommu_sac_force};
  contiguous_ = dma_contiguous_reserve(parameters, memory_.pages,
                                       phys_addr(env.max_pfn << page_shift), env.log);
  memory_.contiguous = contiguous_.get();
}

// Linux v4.4 arch/x86/kernel/pci-dma.c: via_no_dac()
void x86_dma::register_quirks(pci_core& pci) {
  pci.add_header_fixup([](pci_dev& pdev) {
    constexpr uint16_t via = 0x1106;
    constexpr uint32_t class_bridge_pci = 0x0604;
    dac_policy& dac = pdev.dev.bus->env.dac;
    if (pdev.vendor != via || pdev.class_code >> 8 != class_bridge_pci || dac.forbid_dac != 0) {
      return;
    }
    dev_printk(pdev.dev, log_level::info, "disabling DAC on VIA PCI bridge");
    dac.forbid_dac = 1;
  });
}

// Linux v4.4 arch/x86/kernel/pci-swiotlb.c: pci_swiotlb_detect_override()
bool x86_dma::pci_swiotlb_detect_override() {
  const bool use_swiotlb = options_.swiotlb_override();
  if (options_.swiotlb_force) options_.iommu.swiotlb = true;
  return use_swiotlb;
}

// Linux v4.4 arch/x86/kernel/pci-swiotlb.c: pci_swiotlb_detect_4gb()
bool x86_dma::pci_swiotlb_detect_4gb() {
  if (!options_.iommu.no_iommu && bus_.env.max_pfn > max_dma32_pfn) options_.iommu.swiotlb = true;
  return options_.iommu.swiotlb;
}

// Linux v4.4 arch/x86/kernel/pci-swiotlb.c: pci_swiotlb_init()
void x86_dma::pci_swiotlb_init() {
  io_tlb_ = std::make_unique<io_tlb>(swiotlb_release_, bus_.env, memory_.memory, memory_.pages,
                                     options_.io_tlb_nslabs);
  io_tlb_->swiotlb_init();
  swiotlb_ = std::make_unique<swiotlb_dma_ops>(memory_, *io_tlb_, options_.swiotlb_force);
  bus_.dma_ops = swiotlb_.get();
}

bool x86_dma::pci_iommu_alloc(absl::FunctionRef<bool()> detect_iommu) {
  if (pci_swiotlb_detect_override()) {
    pci_swiotlb_init();
    return false;
  }
  if (pci_swiotlb_detect_4gb()) pci_swiotlb_init();
  return detect_iommu();
}

void x86_dma::install_iommu(dma_map_ops& ops) {
  options_.iommu.swiotlb = false;
  bus_.dma_ops = &ops;
}

// Linux v4.4 arch/x86/kernel/pci-swiotlb.c: pci_swiotlb_late_init()
void x86_dma::pci_iommu_init() {
  if (io_tlb_ == nullptr) return;
  if (!options_.iommu.swiotlb) {
    io_tlb_->swiotlb_free();
    return;
  }
  bus_.env.log.print(log_level::info, "PCI-DMA: Using software bounce buffering for IO (SWIOTLB)");
  io_tlb_->swiotlb_print_info();
}

}  // namespace iommulab
