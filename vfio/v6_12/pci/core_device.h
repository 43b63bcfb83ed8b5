// SPDX-License-Identifier: GPL-2.0-only
//
// A PCI function that vfio-pci gives to users. Linux v6.12 include/linux/vfio_pci_core.h.
//
// Of the configuration space users see `vconfig`, wherever the permissions of a byte's capability
// say so, and the function's own elsewhere. Vectors and eventfds are there only while the device is
// open.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <vector>

#include "core/irq/irq_vectors.h"
#include "core/pci/pci.h"
#include "platform/mmio_space.h"
#include "vfio/process/eventfd.h"
#include "vfio/uapi/vfio.h"
#include "vfio/v6_12/pci/pci_functions.h"
#include "vfio/v6_12/pci/perm_bits.h"
#include "vfio/v6_12/vfio/vfio.h"

namespace iommulab::v6_12 {

/// Where registers and interrupts of functions are. Null: they are nowhere; registers read as all
/// ones then, and there are no vectors.
struct vfio_hardware {
  mmio_space* mmio = nullptr;
  irq_vectors* irqs = nullptr;
};

struct vfio_pci_core_device;

/// What is global in drivers/vfio/pci, for one running system.
struct vfio_pci_module {
  vfio_module& vfio;
  vfio_hardware hardware;
  vfio_device_ops* ops = nullptr;
  vfio_pci_permissions permissions;
  std::map<const pci_dev*, vfio_pci_core_device*> drvdata;
};

/// An eventfd that does something: Linux v6.12 drivers/vfio/virqfd.c: struct virqfd
struct vfio_virqfd {
  std::unique_ptr<eventfd_ctx::wait_entry> wait;
};

/// What is raised with one vector. Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c
struct vfio_pci_irq_ctx {
  std::shared_ptr<eventfd_ctx> trigger;
  vfio_virqfd unmask;
  bool masked = false;
  slab_token memory;
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

inline constexpr unsigned pci_std_num_bars = 6;
inline constexpr unsigned vfio_pci_offset_shift = 40;
inline constexpr uint64_t vfio_pci_offset_mask = (uint64_t{1} << vfio_pci_offset_shift) - 1;
constexpr uint64_t vfio_pci_index_to_offset(uint32_t index) {
  return uint64_t{index} << vfio_pci_offset_shift;
}

struct vfio_pci_core_device final : vfio_device {
  explicit vfio_pci_core_device(vfio_pci_module& module_) : driver(module_) {}

  vfio_pci_module& driver;
  pci_dev* pdev = nullptr;
  std::array<std::unique_ptr<mmio_window>, pci_std_num_bars + 1> barmap;  ///< the ROM's is last
  std::array<bool, pci_std_num_bars> bar_mmap_supported{};
  std::vector<uint8_t> pci_config_map;  ///< the capability that each byte belongs to
  std::vector<uint8_t> vconfig;
  std::unique_ptr<perm_bits> msi_perm;
  std::map<unsigned, vfio_pci_irq_ctx> ctx;  ///< by vector
  std::vector<int> vectors;                  ///< interrupt numbers; 0 for none
  unsigned irq_type = uapi::vfio_pci_num_irqs;
  uint8_t msi_qmax = 0;  ///< log2 of the MSI vectors that are on
  uint8_t msix_bar = 0xff;
  uint32_t msix_size = 0;  ///< of the table, bytes
  uint32_t msix_offset = 0;
  bool has_dyn_msix = false;
  std::array<uint32_t, pci_std_num_bars + 1> rbar{};
  bool pci_2_3 = false;  ///< INTx can be masked in the command register
  bool virq_disabled = false;
  bool reset_works = false;
  bool extended_caps = false;
  bool bardirty = false;
  bool has_vga = false;
  bool needs_reset = false;
  bool nointx = false;
  bool needs_pm_restore = false;
  std::vector<uint8_t> pci_saved_state;
  std::shared_ptr<eventfd_ctx> err_trigger;
  std::shared_ptr<eventfd_ctx> req_trigger;
  std::list<vfio_pci_ioeventfd_entry> ioeventfds_list;
};

inline vfio_pci_core_device& to_vfio_pci(vfio_device& vdev) {
  return static_cast<vfio_pci_core_device&>(vdev);
}
inline tracer& trace_of(const vfio_pci_core_device& vdev) {
  return vdev.module->env.trace;
}

}  // namespace iommulab::v6_12
