// SPDX-License-Identifier: GPL-2.0-only
//
// DMA aliases: the requester ids under which a function's requests can arrive at the root bus.
#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "core/pci/pci.h"

namespace iommulab {

/// The function whose requester id the requests have: a volume management device, for what lies
/// behind one, else the function itself. Linux v5.6 arch/x86/pci/common.c: pci_real_dma_dev()
pci_dev& pci_real_dma_dev(pci_dev& pdev);

/// Calls `fn` for each alias of `function`, from its own id upwards (PCIe-to-PCI Bridge
/// specification 2.3). A nonzero result of `fn` ends the walk and is returned.
/// Linux v4.4 drivers/pci/search.c: pci_for_each_dma_alias()
int pci_for_each_dma_alias(pci_dev& function,
                           absl::FunctionRef<int(pci_dev& pdev, uint16_t alias)> fn);

}  // namespace iommulab
