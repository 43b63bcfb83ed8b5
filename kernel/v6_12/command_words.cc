// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v6_12/command_words.h"

#include <array>
#include <vector>

namespace iommulab::v6_12 {
namespace {

using enum word_effect;

constexpr std::string_view other_hardware = "only AMD's GART looks at it";
constexpr std::string_view interrupts = "the port does not remap interrupts";
constexpr std::string_view no_tboot = "no machine here was started by tboot";
constexpr std::string_view told_only = "this kernel says that it ignores it";

constexpr std::array own_words = {
    // Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_setup()
    parameter_word{"intel_iommu", "on"},
    parameter_word{"intel_iommu", "off"},
    parameter_word{"intel_iommu", "igfx_off", acts_when_on},
    parameter_word{"intel_iommu", "intgpu_off", acts_when_on},
    parameter_word{"intel_iommu", "forcedac", acts_when_on},
    parameter_word{"intel_iommu", "strict", acts_when_on},
    parameter_word{"intel_iommu", "sp_off", acts_when_on},
    parameter_word{"intel_iommu", "sm_on", acts_when_on},
    parameter_word{"intel_iommu", "sm_off", acts_when_on},
    parameter_word{"intel_iommu", "tboot_noforce", no_effect, no_tboot},
    // Linux v6.12 drivers/iommu/iommu.c, dma-iommu.c
    parameter_word{"iommu.passthrough", "", acts_when_on},
    parameter_word{"iommu.strict", "", acts_when_on},
    parameter_word{"iommu.forcedac", "", acts_when_on},
    // Linux v6.12 arch/x86/kernel/pci-dma.c: iommu_setup()
    parameter_word{"iommu", "off"},
    parameter_word{"iommu", "pt", acts_when_on},
    parameter_word{"iommu", "nopt", acts_when_on},
    parameter_word{"iommu", "soft"},
    parameter_word{"iommu", "usedac"},
    parameter_word{"iommu", "forcesac", no_effect, told_only},
    parameter_word{"iommu", "allowdac", no_effect, told_only},
    parameter_word{"iommu", "nodac", no_effect, told_only},
    parameter_word{"iommu", "force", no_effect, other_hardware},
    parameter_word{"iommu", "noforce", no_effect, other_hardware},
    parameter_word{"iommu", "biomerge", no_effect, other_hardware},
    parameter_word{"iommu", "merge", no_effect, other_hardware},
    parameter_word{"iommu", "nomerge", no_effect, other_hardware},
    parameter_word{"iommu", "panic", no_effect, other_hardware},
    parameter_word{"iommu", "nopanic", no_effect, other_hardware},
    // Linux v6.12 arch/x86/kernel/amd_gart_64.c: gart_parse_options()
    parameter_word{"iommu", "fullflush", no_effect, other_hardware},
    parameter_word{"iommu", "nofullflush", no_effect, other_hardware},
    parameter_word{"iommu", "noagp", no_effect, other_hardware},
    parameter_word{"iommu", "noaperture", no_effect, other_hardware},
    parameter_word{"iommu", "allowed", no_effect, other_hardware},
    parameter_word{"iommu", "memaper", no_effect, other_hardware},
    // Linux v6.12 kernel/dma/swiotlb.c: setup_io_tlb_npages()
    parameter_word{"swiotlb", "force"},
    parameter_word{"swiotlb", "noforce"},
    // Linux v6.12 drivers/iommu/irq_remapping.c: setup_irqremap(), setup_nointremap()
    parameter_word{"intremap", "on"},
    parameter_word{"intremap", "off"},
    parameter_word{"intremap", "nosid", not_modelled, interrupts},
    parameter_word{"intremap", "no_x2apic_optout", not_modelled, interrupts},
    parameter_word{"intremap", "nopost", not_modelled, interrupts},
    parameter_word{"intremap", "posted_msi", not_modelled, interrupts},
    parameter_word{"nointremap", ""},
    parameter_word{"cma", ""},
};

constexpr std::array<std::string_view, 4> own_by_beginning = {"intel_iommu", "iommu", "intremap",
                                                              "pci"};

}  // namespace

const command_line_table& command_words() {
  static const std::vector<parameter_word> all = with_platform_words(own_words);
  static const command_line_table table = {all, own_by_beginning};
  return table;
}

}  // namespace iommulab::v6_12
