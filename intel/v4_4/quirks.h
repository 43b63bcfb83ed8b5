// SPDX-License-Identifier: GPL-2.0-only
//
// Kinds of devices that the driver treats apart, and the chipsets whose remapping is known to be
// broken.
#pragma once

#include "core/pci/pci.h"
#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

// IS_GFX_DEVICE, IS_USB_DEVICE, IS_AZALIA
inline bool is_gfx_device(const pci_dev& pdev) {
  return (pdev.class_code >> 16) == 0x03;
}
inline bool is_usb_device(const pci_dev& pdev) {
  return (pdev.class_code >> 8) == 0x0c03;
}
inline bool is_azalia(const pci_dev& pdev) {
  return pdev.vendor == 0x8086 && pdev.device_id == 0x3a3e;
}
inline constexpr uint32_t pci_class_bridge_isa = 0x060100;
inline constexpr uint32_t pci_class_bridge_pci = 0x0604;

/// Registers the driver's header fixups: graphics of the 4 series, write-buffer flushing that its
/// chipsets forgot to ask for, and Ironlake graphics.
/// And the enable fixup of Sandy Bridge's QuickData engine, which firmware lists under the wrong
/// unit.
/// Linux v4.4 drivers/iommu/intel-iommu.c: DECLARE_PCI_FIXUP_HEADER(), DECLARE_PCI_FIXUP_ENABLE()
void register_intel_iommu_quirks(intel_driver& drv);

/// Tylersburg firmware that routes audio to a unit without IOTLB entries.
/// Linux v4.4 drivers/iommu/intel-iommu.c: check_tylersburg_isoch()
void check_tylersburg_isoch(intel_driver& drv);

}  // namespace iommulab::v4_4
