// SPDX-License-Identifier: GPL-2.0-only
//
// What Linux 4.4.178 knows of PCI over 4.4.1, as far as it says which functions there are and where
// their requests come from.
#pragma once

#include "core/pci/pci.h"

namespace iommulab::v4_4_178 {

/// Three more controllers whose requests come from function 1, and links behind PCI-to-PCIe
/// bridges.
void register_pci_quirks(pci_core& pci);

}  // namespace iommulab::v4_4_178
