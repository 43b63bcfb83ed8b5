// SPDX-License-Identifier: GPL-2.0-only
//
// Address Translation Services of a function (PCI Express Base 10.5.1): its switch and how many
// invalidations it can hold.
#pragma once

#include <cstdint>

#include "core/pci/pci.h"

namespace iommulab {

/// Turns ATS on with translations of at least 2^page_order bytes. 0, -EINVAL when the function
/// has no ATS, the page is too small, or it is a virtual one whose physical function did not get
/// the same page before it, -EBUSY when it is on.
/// Linux v4.4 drivers/pci/ats.c: pci_enable_ats()
int pci_enable_ats(pci_dev& pdev, unsigned page_order);
/// A physical function keeps it while one of its virtual ones has it.
void pci_disable_ats(pci_dev& pdev);
bool pci_ats_enabled(const pci_dev& pdev);
/// 1 to 31; 0 means 32, or of a virtual function that it shares its physical one's.
uint8_t pci_ats_queue_depth(const pci_dev& pdev);

}  // namespace iommulab
