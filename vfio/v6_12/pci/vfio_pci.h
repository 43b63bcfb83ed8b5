// SPDX-License-Identifier: GPL-2.0-only
//
// vfio-pci: the driver that leaves PCI functions to users. Linux v6.12 drivers/vfio/pci/vfio_pci.c
#pragma once

#include <memory>

#include "core/pci/pci.h"
#include "vfio/v6_12/pci/core_device.h"

namespace iommulab::v6_12 {

/// The modules vfio-pci and vfio-pci-core.
class vfio_pci_driver {
 public:
  /// `vfio` and what `hardware` names outlive it.
  vfio_pci_driver(vfio_module& vfio, vfio_hardware hardware);
  ~vfio_pci_driver();
  vfio_pci_driver(const vfio_pci_driver&) = delete;
  vfio_pci_driver& operator=(const vfio_pci_driver&) = delete;

  [[nodiscard]] vfio_pci_module& module() { return module_; }
  [[nodiscard]] const vfio_pci_module& module() const { return module_; }

 private:
  std::unique_ptr<vfio_device_ops> ops_;
  vfio_pci_module module_;
};

/// 0, or a negative errno: -EINVAL for a bridge, and for a function in no IOMMU group.
int vfio_pci_probe(vfio_pci_module& module, pci_dev& pdev);
/// The device goes, once its last user has closed it.
void vfio_pci_remove(vfio_pci_module& module, pci_dev& pdev);

}  // namespace iommulab::v6_12
