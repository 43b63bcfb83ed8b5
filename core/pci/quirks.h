// SPDX-License-Identifier: GPL-2.0-only
//
// Linux v4.4's device quirks that bear on DMA: requester id aliases, and functions whose isolation
// their ACS capability does not tell. The ids are tables; what they mean is one function a kind.
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

/// What a quirk knows of a function's ACS.
enum class acs_quirk : uint8_t { unknown, lacks, has };

/// Linux v4.4 drivers/pci/quirks.c: pci_dev_specific_acs_enabled()
acs_quirk pci_dev_specific_acs_enabled(const pci_dev& pdev, uint16_t acs_flags);

/// Linux v4.4 drivers/pci/quirks.c: pci_dev_specific_enable_acs()
void pci_dev_specific_enable_acs(pci_dev& pdev);

}  // namespace iommulab
