// SPDX-License-Identifier: GPL-2.0-only
//
// Reads the address ranges that a function claims from its base address registers and, for a
// bridge, its windows.
#pragma once

#include "core/pci/pci.h"

namespace iommulab {

/// Fills pdev.resource. Each register is sized by writing ones to it and is written back, with the
/// function's decoding switched off meanwhile.
/// Linux v4.4 drivers/pci/probe.c: pci_read_bases(), pci_read_bridge_bases()
void pci_read_resources(pci_dev& pdev);

}  // namespace iommulab
