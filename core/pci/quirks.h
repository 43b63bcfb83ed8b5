// SPDX-License-Identifier: GPL-2.0-only
//
// Device quirks that bear on requester ids, by release. The ids are tables; what they mean is one
// function a kind.
#pragma once

#include <cstdint>

#include "core/pci/pci.h"

namespace iommulab {

/// The DECLARE_PCI_FIXUP_HEADER quirks of requester ids: a fixed function or device number, or a
/// PCIe-to-PCI bridge without a PCIe capability.
void pci_header_quirks(pci_dev& pdev);

/// The function's requests come from function 1 of its device.
/// Linux v4.4 drivers/pci/quirks.c: quirk_dma_func1_alias()
void quirk_dma_func1_alias(pci_dev& pdev);

}  // namespace iommulab
