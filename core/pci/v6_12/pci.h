// SPDX-License-Identifier: GPL-2.0-only
//
// What Linux 6.12's IOMMU code asks of the PCI core, with the call scopes of that kernel. The rules
// are those of core/pci; where the names are the same too, calls say `v6_12::`.
#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "core/pci/pci.h"

namespace iommulab::v6_12 {

/// As core/pci/search.h has it. Linux v6.12 arch/x86/pci/common.c
pci_dev& pci_real_dma_dev(pci_dev& pdev);
/// Whether one of two functions of a bus uses the other's id. Linux v6.12 drivers/pci/pci.c
bool pci_devs_are_dma_aliases(pci_dev& a, pci_dev& b);
/// As core/pci/search.h has it. Linux v6.12 drivers/pci/search.c
int pci_for_each_dma_alias(pci_dev& pdev, absl::FunctionRef<int(pci_dev& pdev, uint16_t alias)> fn);
// As core/pci/acs.h has them. Linux v6.12 drivers/pci/pci.c
bool pci_acs_enabled(pci_dev& pdev, uint16_t acs_flags);
bool pci_acs_path_enabled(pci_dev& start, pci_dev* end, uint16_t acs_flags);
/// Process address space ids that the function can have, or -EINVAL without the capability.
/// Linux v6.12 drivers/pci/ats.c
int pci_max_pasids(pci_dev& pdev);

}  // namespace iommulab::v6_12
