// SPDX-License-Identifier: GPL-2.0-only
#include <array>

#include "kernel/command_line/parameter_words.h"

namespace iommulab {
namespace {

using enum word_effect;

constexpr std::string_view interrupts = "the port does not remap interrupts";
constexpr std::string_view given_memory = "memory is what the machine says";
constexpr std::string_view pci_setup = "the PCI functions are set up as the machine says";
constexpr std::string_view no_driver = "the driver that reads it is not in the port";
constexpr std::string_view acpi_parts = "the port does with ACPI's tables what it does without it";
constexpr std::string_view debugging =
    "the checks of CONFIG_DMA_API_DEBUG are not switched by it (see --sanitize)";

constexpr std::array platform_rows = {
    parameter_word{"elfcorehdr", ""},
    // Linux v4.4 arch/x86/kernel/acpi/boot.c: parse_acpi()
    parameter_word{"acpi", "off", no_tables},
    parameter_word{"acpi", "force"},
    parameter_word{"acpi", "strict", not_modelled, acpi_parts},
    parameter_word{"acpi", "rsdt", not_modelled, acpi_parts},
    parameter_word{"acpi", "noirq", not_modelled, acpi_parts},
    parameter_word{"acpi", "copy_dsdt", not_modelled, acpi_parts},
    parameter_word{"acpi", "nocmcff", not_modelled, acpi_parts},
    // What changes the machine under the driver.
    parameter_word{"mem", "", not_modelled, given_memory},
    parameter_word{"memmap", "", not_modelled, given_memory},
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

}  // namespace

std::vector<parameter_word> with_platform_words(absl::Span<const parameter_word> own) {
  std::vector<parameter_word> all(own.begin(), own.end());
  all.insert(all.end(), platform_rows.begin(), platform_rows.end());
  return all;
}

}  // namespace iommulab
