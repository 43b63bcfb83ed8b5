// SPDX-License-Identifier: GPL-2.0-only
//
// Releases are those in which the word came; of words that came for another architecture first,
// those in which x86 got them.
#include <array>

#include "kernel/command_line/parameter_words.h"

namespace iommulab {
namespace {

constexpr std::string_view intel = "drivers/iommu/intel/iommu.c";
constexpr std::string_view core = "drivers/iommu/iommu.c";
constexpr std::string_view amd = "drivers/iommu/amd/init.c";
constexpr std::string_view pci = "drivers/pci/pci.c";
constexpr std::string_view arm = "drivers/iommu/arm/";
constexpr std::string_view swiotlb = "kernel/dma/swiotlb.c";

constexpr std::array words = {
    foreign_word{"intel_iommu", "sm_on", 5, 0, "scalable mode", intel},
    foreign_word{"intel_iommu", "sm_off", 5, 0, "no scalable mode", intel},
    foreign_word{"intel_iommu", "nobounce", 5, 4, "no bounce pages for untrusted devices", intel},
    foreign_word{"intel_iommu", "tboot_noforce", 4, 12, "tboot does not force remapping on", intel},
    foreign_word{"iommu", "nopt", 4, 19, "devices are translated by default",
                 "arch/x86/kernel/pci-dma.c"},
    foreign_word{"iommu.passthrough", "", 5, 4,
                 "identity domains by default, 0 for none; iommu=pt before", core},
    foreign_word{"iommu.strict", "", 5, 14,
                 "whether unmaps are flushed at once; intel_iommu=strict before", core},
    foreign_word{"iommu.forcedac", "", 5, 13, "addresses beyond 4 GiB first",
                 "drivers/iommu/dma-iommu.c"},
    foreign_word{"intremap", "posted_msi", 6, 10, "posted interrupts for devices",
                 "drivers/iommu/irq_remapping.c"},
    foreign_word{"swiotlb", "noforce", 4, 10, "no bounce buffers at all", swiotlb},
    foreign_word{"pci", "noats", 4, 18, "no ATS", pci},
    foreign_word{"pci", "disable_acs_redir=", 4, 19, "ACS without redirection for some devices",
                 pci},
    foreign_word{"pci", "config_acs=", 6, 11, "ACS bit by bit for some devices", pci},
    foreign_word{"pci", "big_root_window", 4, 16, "a large window on AMD's root bus",
                 "arch/x86/pci/fixup.c"},
    foreign_word{"amd_iommu", "", 0, 0, "read by AMD's driver, not by Intel's", amd},
    foreign_word{"amd_iommu_dump", "", 0, 0, "read by AMD's driver, not by Intel's", amd},
    foreign_word{"amd_iommu_intr", "", 0, 0, "read by AMD's driver, not by Intel's", amd},
    foreign_word{"ivrs_*", "", 0, 0, "read by AMD's driver, not by Intel's", amd},
    foreign_word{"arm-smmu*", "", 0, 0, "read by ARM's driver, not by Intel's", arm},
    foreign_word{"s390_iommu", "", 0, 0, "read on s390", "arch/s390/pci/pci_dma.c"},
    foreign_word{"pcie_acs_override", "", 0, 0,
                 "read by no released kernel: it is a patch that distributions carry",
                 "ACS override patch"},
};

}  // namespace

absl::Span<const foreign_word> foreign_words() {
  return words;
}

}  // namespace iommulab
