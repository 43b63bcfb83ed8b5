// SPDX-License-Identifier: GPL-2.0-only
//
// Kinds of devices that the driver treats apart, and the chipsets whose remapping is known to be
// broken.
#pragma once

#include "core/pci/pci.h"
#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

// IS_GFX_DEVICE, IS_INTGPU_DEVICE, IS_USB_DEVICE, IS_ISA_DEVICE, IS_AZALIA
inline bool is_gfx_device(const pci_dev& pdev) {
  return (pdev.class_code >> 16) == 0x03;
}
inline bool is_intgpu_device(const pci_dev& pdev) {
  return is_gfx_device(pdev) && pdev.vendor == 0x8086 && pci_is_root_bus(*pdev.bus);
}
inline bool is_usb_device(const pci_dev& pdev) {
  return (pdev.class_code >> 8) == 0x0c03;
}
inline bool is_isa_device(const pci_dev& pdev) {
  return (pdev.class_code >> 8) == 0x0601;
}
inline bool is_azalia(const pci_dev& pdev) {
  return pdev.vendor == 0x8086 && pdev.device_id == 0x3a3e;
}
/// Sandy Bridge's QuickData engine.
inline bool is_ioat_snb(const pci_dev& pdev) {
  return pdev.vendor == 0x8086 && pdev.device_id == 0x402f;
}

/// Registers the driver's header fixups: graphics that remapping breaks, write-buffer flushing that
/// a chipset forgot to ask for, Ironlake graphics, and graphics that hang when their unit goes off.
/// Linux v6.12 drivers/iommu/intel/iommu.c: DECLARE_PCI_FIXUP_HEADER()
void register_intel_iommu_quirks(intel_driver& drv);

/// Whether firmware listed the engine under a unit that is not its own: it is then left alone.
/// Linux v6.12 drivers/iommu/intel/iommu.c: quirk_ioat_snb_local_iommu()
bool quirk_ioat_snb_local_iommu(intel_driver& drv, pci_dev& pdev);

/// Tylersburg firmware that routes audio to a unit without IOTLB entries.
/// Linux v6.12 drivers/iommu/intel/iommu.c: check_tylersburg_isoch()
void check_tylersburg_isoch(intel_driver& drv);

}  // namespace iommulab::v6_12
