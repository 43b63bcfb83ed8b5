// SPDX-License-Identifier: GPL-2.0-only
//
// A PCI function that vfio-pci gives to users, as a device of 6.12's VFIO.
// Linux v6.12 include/linux/vfio_pci_core.h.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>

#include "core/pci/pci.h"
#include "vfio/pci/function.h"
#include "vfio/v6_12/vfio/vfio.h"

namespace iommulab::v6_12 {

struct vfio_pci_core_device;

/// What is global in drivers/vfio/pci, for one running system.
struct vfio_pci_module {
  vfio_module& vfio;
  vfio_hardware hardware;
  vfio_device_ops* ops = nullptr;
  vfio_pci_permissions permissions;
  std::map<const pci_dev*, vfio_pci_core_device*> drvdata;
};

/// A write to a register for each signal of an eventfd.
struct vfio_pci_ioeventfd_entry {
  uint64_t data = 0;
  uint64_t pos = 0;
  unsigned bar = 0;
  unsigned count = 0;
  vfio_virqfd virqfd;
  slab_token memory;
};

struct vfio_pci_core_device final : vfio_device, vfio_pci_function {
  explicit vfio_pci_core_device(vfio_pci_module& driver)
      : vfio_pci_function(driver.vfio.slab, driver.vfio.env.trace, driver.hardware,
                          driver.permissions) {}

  std::array<bool, pci_std_num_bars> bar_mmap_supported{};
  bool has_dyn_msix = false;
  bool needs_pm_restore = false;
  std::list<vfio_pci_ioeventfd_entry> ioeventfds_list;
};

inline vfio_pci_core_device& to_vfio_pci(vfio_device& vdev) {
  return static_cast<vfio_pci_core_device&>(vdev);
}
inline tracer& trace_of(const vfio_pci_core_device& vdev) {
  return vdev.module->env.trace;
}

}  // namespace iommulab::v6_12
