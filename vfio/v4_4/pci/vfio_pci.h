// SPDX-License-Identifier: GPL-2.0-only
//
// vfio-pci: the driver that leaves PCI functions to users. Linux v4.4 drivers/vfio/pci/.
//
// Opened for the first time, a function is switched on without bus mastering, reset if it can be,
// and its configuration saved. Closed for the last time, it masters the bus no more, its interrupts
// are off, and its configuration is restored.
#pragma once

#include <memory>

#include "core/pci/pci.h"
#include "vfio/pci/function.h"
#include "vfio/pci/intx.h"
#include "vfio/v4_4/vfio/vfio.h"

namespace iommulab::v4_4 {

/// What is global in drivers/vfio/pci, for one running system.
struct vfio_pci_module {
  vfio_module& vfio;
  vfio_hardware hardware;
  vfio_device_ops* ops = nullptr;
  vfio_pci_permissions permissions;
};

struct vfio_pci_device final : vfio_device_data, vfio_pci_function {
  explicit vfio_pci_device(vfio_pci_module& driver_)
      : vfio_pci_function(driver_.vfio.slab, driver_.vfio.env.trace, driver_.hardware,
                          driver_.permissions),
        driver(driver_) {}

  vfio_pci_module& driver;
  unsigned refcnt = 0;  ///< opens
  unsigned num_ctx = 0;
  slab_token ctx_memory;
  slab_token msix_memory;
  slab_token saved_state_memory;
};
inline vfio_pci_device& to_vfio_pci(vfio_device_data& data) {
  return static_cast<vfio_pci_device&>(data);
}
inline std::string trace_word(const vfio_pci_device& vdev) {
  return vdev.pdev->dev.name;
}

/// The module vfio-pci.
class vfio_pci_driver {
 public:
  /// `vfio` and what `hardware` names outlive it.
  vfio_pci_driver(vfio_module& vfio, vfio_hardware hardware);
  ~vfio_pci_driver();
  vfio_pci_driver(const vfio_pci_driver&) = delete;
  vfio_pci_driver& operator=(const vfio_pci_driver&) = delete;

  [[nodiscard]] vfio_pci_module& module() { return module_; }

 private:
  std::unique_ptr<vfio_device_ops> ops_;
  vfio_pci_module module_;
};

/// 0, or a negative errno: -EINVAL for a bridge, and for a function in no IOMMU group.
int vfio_pci_probe(vfio_pci_module& module, pci_dev& pdev);
/// The device goes, once its last user has closed it.
void vfio_pci_remove(vfio_pci_module& module, pci_dev& pdev);

int64_t vfio_pci_ioctl(vfio_pci_device& vdev, task_struct& current, uint32_t cmd, uint64_t arg);
/// How many interrupts of an index the device has.
int vfio_pci_get_irq_count(const vfio_pci_device& vdev, unsigned irq_type);
/// VFIO_DEVICE_SET_IRQS, checked already. `current` is null where nothing is looked up.
int vfio_pci_set_irqs_ioctl(vfio_pci_device& vdev, task_struct* current, uint32_t flags,
                            unsigned index, unsigned start, unsigned count, vfio_irq_data data);

// Resets of a whole bus

int vfio_pci_get_hot_reset_info(vfio_pci_device& vdev, task_struct& current, uint64_t arg);
int vfio_pci_hot_reset(vfio_pci_device& vdev, task_struct& current, uint64_t arg);
/// When nobody uses any function of the bus, and one of them could not be reset alone.
void vfio_pci_try_bus_reset(vfio_pci_device& vdev);

}  // namespace iommulab::v4_4
