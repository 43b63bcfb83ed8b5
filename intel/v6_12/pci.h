// SPDX-License-Identifier: GPL-2.0-only
//
// What the driver asks the PCI core for, beyond what core/pci has: ATS that is only looked at,
// PASIDs.
#pragma once

#include <cstdint>

#include "core/pci/pci.h"
#include "core/pci/v6_12/pci.h"
#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

bool dev_is_real_dma_subdevice(const device& dev);
/// Whether ATS is there. Linux v6.12 drivers/pci/ats.c: pci_ats_supported()
bool ats_supported(intel_driver& drv, pci_dev& pdev);
/// Its smallest page is set beforehand, 4 KiB. Linux v6.12 drivers/pci/ats.c: pci_prepare_ats()
void prepare_ats(pci_dev& pdev);
/// Whether it asks for whole pages alone. pci_ats_page_aligned()
bool ats_page_aligned(const pci_dev& pdev);
/// Whether the function answers. Linux v6.12 drivers/pci/pci.c: pci_device_is_present()
bool pci_device_is_present(const pci_dev& pdev);
/// Features of the PASID capability (bit 1 execute, bit 2 privileged), or a negative errno.
/// Linux v6.12 drivers/pci/ats.c: pci_pasid_features()
int pci_pasid_features(const pci_dev& pdev);
/// Switches PASIDs on with these features. 0 or a negative errno. pci_enable_pasid()
int pci_enable_pasid(pci_dev& pdev, unsigned features);
void pci_disable_pasid(pci_dev& pdev);
/// Whether page requests are there. pci_pri_supported()
bool pci_pri_supported(const pci_dev& pdev);

}  // namespace iommulab::v6_12
