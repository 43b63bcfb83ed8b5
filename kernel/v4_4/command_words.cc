// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v4_4/command_words.h"

#include <array>

namespace iommulab::v4_4 {
namespace {

using enum word_effect;

constexpr std::string_view other_hardware = "only AMD's GART and IBM's Calgary look at it";
constexpr std::string_view interrupts = "the port does not remap interrupts";
constexpr std::string_view memory = "memory is what the machine says";
constexpr std::string_view pci_setup = "the PCI functions are set up as the machine says";
constexpr std::string_view no_driver = "the driver that reads it is not in the port";
constexpr std::string_view acpi_parts = "the port does with ACPI's tables what it does without it";
constexpr std::string_view debugging =
    "the checks of CONFIG_DMA_API_DEBUG are not switched by it (see --sanitize)";

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
    parameter_word{"elfcorehdr", ""},
    parameter_word{"cma", ""},
    // Linux v4.4 arch/x86/kernel/acpi/boot.c: parse_acpi()
    parameter_word{"acpi", "off", no_tables},
    parameter_word{"acpi", "force"},
    parameter_word{"acpi", "strict", not_modelled, acpi_parts},
    parameter_word{"acpi", "rsdt", not_modelled, acpi_parts},
    parameter_word{"acpi", "noirq", not_modelled, acpi_parts},
    parameter_word{"acpi", "copy_dsdt", not_modelled, acpi_parts},
    parameter_word{"acpi", "nocmcff", not_modelled, acpi_parts},
    // What changes the machine under the driver.
    parameter_word{"mem", "", not_modelled, memory},
    parameter_word{"memmap", "", not_modelled, memory},
    parameter_word{"numa", "", not_modelled, "nodes are what the machine says"},
    parameter_word{"noapic", "", not_modelled, interrupts},
    parameter_word{"nolapic", "", not_modelled, interrupts},
    parameter_word{"nox2apic", "", not_modelled, interrupts},
    parameter_word{"x2apic_phys", "", not_modelled, interrupts},
    // Linux v4.4 arch/x86/pci/common.c: pcibios_setup(); drivers/pci/pci.c: pci_setup()
    parameter_word{"pci", "off", not_modelled, pci_setup},
    parameter_word{"pci", "bfsort", not_modelled, pci_setup},
    parameter_word{"pci", "nobfsort", not_modelled, pci_setup},
    parameter_word{"pci", "bios", not_modelled, pci_setup},
    parameter_word{"pci", "nobios", not_modelled, pci_setup},
    parameter_word{"pci", "biosirq", not_modelled, pci_setup},
    parameter_word{"pci", "pirqaddr=", not_modelled, pci_setup},
    parameter_word{"pci", "conf1", not_modelled, pci_setup},
    parameter_word{"pci", "conf2", not_modelled, pci_setup},
    parameter_word{"pci", "nommconf", not_modelled, pci_setup},
    parameter_word{"pci", "check_enable_amd_mmconf", not_modelled, pci_setup},
    parameter_word{"pci", "noacpi", not_modelled, pci_setup},
    parameter_word{"pci", "noearly", not_modelled, pci_setup},
    parameter_word{"pci", "usepirqmask", not_modelled, pci_setup},
    parameter_word{"pci", "irqmask=", not_modelled, pci_setup},
    parameter_word{"pci", "lastbus=", not_modelled, pci_setup},
    parameter_word{"pci", "rom", not_modelled, pci_setup},
    parameter_word{"pci", "norom", not_modelled, pci_setup},
    parameter_word{"pci", "nobar", not_modelled, pci_setup},
    parameter_word{"pci", "assign-busses", not_modelled, pci_setup},
    parameter_word{"pci", "use_crs", not_modelled, pci_setup},
    parameter_word{"pci", "nocrs", not_modelled, pci_setup},
    parameter_word{"pci", "earlydump", not_modelled, pci_setup},
    parameter_word{"pci", "routeirq", not_modelled, pci_setup},
    parameter_word{"pci", "skip_isa_align", not_modelled, pci_setup},
    parameter_word{"pci", "noioapicquirk", not_modelled, pci_setup},
    parameter_word{"pci", "ioapicreroute", not_modelled, pci_setup},
    parameter_word{"pci", "noioapicreroute", not_modelled, pci_setup},
    parameter_word{"pci", "nomsi", not_modelled, pci_setup},
    parameter_word{"pci", "noaer", not_modelled, pci_setup},
    parameter_word{"pci", "realloc", not_modelled, pci_setup},
    parameter_word{"pci", "nodomains", not_modelled, pci_setup},
    parameter_word{"pci", "noari", not_modelled, pci_setup},
    parameter_word{"pci", "cbiosize=", not_modelled, pci_setup},
    parameter_word{"pci", "cbmemsize=", not_modelled, pci_setup},
    parameter_word{"pci", "resource_alignment=", not_modelled, pci_setup},
    parameter_word{"pci", "ecrc=", not_modelled, pci_setup},
    parameter_word{"pci", "hpiosize=", not_modelled, pci_setup},
    parameter_word{"pci", "hpmemsize=", not_modelled, pci_setup},
    parameter_word{"pci", "pcie_bus_", not_modelled, pci_setup},
    parameter_word{"pci", "pcie_scan_all", not_modelled, pci_setup},
    // What drivers above the IOMMU read.
    parameter_word{"vfio_iommu_type1.allow_unsafe_interrupts", "", not_modelled, no_driver},
    parameter_word{"vfio-pci.ids", "", not_modelled, no_driver},
    parameter_word{"pci-stub.ids", "", not_modelled, no_driver},
    parameter_word{"kvm.allow_unsafe_assigned_interrupts", "", not_modelled, no_driver},
    parameter_word{"dma_debug", "", not_modelled, debugging},
    parameter_word{"dma_debug_entries", "", not_modelled, debugging},
    parameter_word{"dma_debug_driver", "", not_modelled, debugging},
};

constexpr std::array<std::string_view, 4> by_beginning = {"intel_iommu", "iommu", "intremap",
                                                          "pci"};

}  // namespace

const command_line_table& command_words() {
  static constexpr command_line_table table = {words, by_beginning};
  return table;
}

}  // namespace iommulab::v4_4
