// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v4_4/command_words.h"

#include <array>
#include <vector>

namespace iommulab::v4_4 {
namespace {

using enum word_effect;

constexpr std::string_view other_hardware = "only AMD's GART and IBM's Calgary look at it";
constexpr std::string_view interrupts = "the port does not remap interrupts";

constexpr std::array words = {
    // Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_setup()
    parameter_word{"intel_iommu", "on"},
    parameter_word{"intel_iommu", "off"},
    parameter_word{"intel_iommu", "igfx_off", acts_when_on},
    parameter_word{"intel_iommu", "forcedac", acts_when_on},
    parameter_word{"intel_iommu", "strict", acts_when_on},
    parameter_word{"intel_iommu", "sp_off", acts_when_on},
    parameter_word{"intel_iommu", "ecs_off", acts_when_on},
    parameter_word{"intel_iommu", "pasid28", acts_when_on},
    // Linux v4.4 arch/x86/kernel/pci-dma.c: iommu_setup()
    parameter_word{"iommu", "off"},
    parameter_word{"iommu", "pt", acts_when_on},
    parameter_word{"iommu", "soft", bounces},
    parameter_word{"iommu", "forcesac"},
    parameter_word{"iommu", "allowdac"},
    parameter_word{"iommu", "nodac"},
    parameter_word{"iommu", "usedac"},
    parameter_word{"iommu", "force", no_effect, other_hardware},
    parameter_word{"iommu", "noforce", no_effect, other_hardware},
    parameter_word{"iommu", "biomerge", no_effect, other_hardware},
    parameter_word{"iommu", "merge", no_effect, other_hardware},
    parameter_word{"iommu", "nomerge", no_effect, other_hardware},
    parameter_word{"iommu", "panic", no_effect, other_hardware},
    parameter_word{"iommu", "nopanic", no_effect, other_hardware},
    parameter_word{"iommu", "calgary", no_effect, other_hardware},
    // Linux v4.4 arch/x86/kernel/amd_gart_64.c: gart_parse_options()
    parameter_word{"iommu", "leak", no_effect, other_hardware},
    parameter_word{"iommu", "fullflush", no_effect, other_hardware},
    parameter_word{"iommu", "nofullflush", no_effect, other_hardware},
    parameter_word{"iommu", "noagp", no_effect, other_hardware},
    parameter_word{"iommu", "noaperture", no_effect, other_hardware},
    parameter_word{"iommu", "allowed", no_effect, other_hardware},
    parameter_word{"iommu", "memaper", no_effect, other_hardware},
    // Linux v4.4 lib/swiotlb.c: setup_io_tlb_npages()
    parameter_word{"swiotlb", "force", bounces},
    // Linux v4.4 drivers/iommu/irq_remapping.c: setup_irqremap(), setup_nointremap()
    parameter_word{"intremap", "on"},
    parameter_word{"intremap", "off"},
    parameter_word{"intremap", "nosid", not_modelled, interrupts},
    parameter_word{"intremap", "no_x2apic_optout", not_modelled, interrupts},
    parameter_word{"intremap", "nopost", not_modelled, interrupts},
    parameter_word{"nointremap", ""},
    parameter_word{"cma", ""},
};

constexpr std::array<std::string_view, 4> by_beginning = {"intel_iommu", "iommu", "intremap",
                                                          "pci"};

}  // namespace

const command_line_table& command_words() {
  static const std::vector<parameter_word> all = with_platform_words(words);
  static const command_line_table table = {all, by_beginning};
  return table;
}

}  // namespace iommulab::v4_4
