// SPDX-License-Identifier: GPL-2.0-only
//
// The PCI quirks that Linux 4.4.178 has over 4.4.1, as far as they say something about requests.
#pragma once

#include "core/pci/pci.h"

namespace iommulab::v4_4_178 {

/// Three more controllers whose requests come from function 1.
void register_pci_quirks(pci_core& pci);

}  // namespace iommulab::v4_4_178
