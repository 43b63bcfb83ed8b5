// SPDX-License-Identifier: GPL-2.0-only
//
// A PCI function that vfio-pci gives to users, as far as kernels agree about it: what it shows of
// its configuration space, its registers, its interrupts. Linux v6.12
// include/linux/vfio_pci_core.h, v4.4 drivers/vfio/pci/vfio_pci_private.h.
//
// Of the configuration space users see `vconfig`, wherever the permissions of a byte's capability
// say so, and the function's own elsewhere. Vectors and eventfds are there only while the device is
// open.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "core/irq/irq_vectors.h"
#include "core/pci/pci.h"
#include "core/slab.h"
#include "core/trace.h"
#include "platform/mmio_space.h"
#include "vfio/pci/pci_functions.h"
#include "vfio/pci/perm_bits.h"
#include "vfio/pci/virqfd.h"
#include "vfio/process/eventfd.h"
#include "vfio/uapi/vfio.h"

namespace iommulab {

/// Where registers and interrupts of functions are. Null: they are nowhere; registers read as all
/// ones then, and there are no vectors.
struct vfio_hardware {
  mmio_space* mmio = nullptr;
  irq_vectors* irqs = nullptr;
};

/// What is raised with one vector. Linux drivers/vfio/pci/vfio_pci_intrs.c
struct vfio_pci_irq_ctx {
  std::shared_ptr<eventfd_ctx> trigger;
  vfio_virqfd unmask;
  bool masked = false;
  slab_token memory;
};

inline constexpr unsigned pci_std_num_bars = 6;
inline constexpr unsigned vfio_pci_offset_shift = 40;
inline constexpr uint64_t vfio_pci_offset_mask = (uint64_t{1} << vfio_pci_offset_shift) - 1;
constexpr uint64_t vfio_pci_index_to_offset(uint32_t index) {
  return uint64_t{index} << vfio_pci_offset_shift;
}

struct vfio_pci_function {
  /// All outlive this.
  vfio_pci_function(slab_failures& slab_, tracer& trace_, vfio_hardware hardware_,
                    const vfio_pci_permissions& permissions_)
      : slab(slab_), trace(trace_), hardware(hardware_), permissions(permissions_) {}

  slab_failures& slab;
  tracer& trace;
  vfio_hardware hardware;
  const vfio_pci_permissions& permissions;
  pci_dev* pdev = nullptr;
  std::array<std::unique_ptr<mmio_window>, pci_std_num_bars + 1> barmap;  ///< the ROM's is last
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
  std::array<uint32_t, pci_std_num_bars + 1> rbar{};
  bool pci_2_3 = false;  ///< INTx can be masked in the command register
  bool virq_disabled = false;
  bool reset_works = false;
  bool extended_caps = false;
  bool bardirty = false;
  bool has_vga = false;
  bool needs_reset = false;
  bool nointx = false;
  std::vector<uint8_t> pci_saved_state;
  std::shared_ptr<eventfd_ctx> err_trigger;
  std::shared_ptr<eventfd_ctx> req_trigger;

  [[nodiscard]] virqfd_services services() const { return {slab, trace}; }
};

/// Where the MSI-X table lies, in msix_bar and the fields behind it.
void find_msix_table(vfio_pci_function& vdev);

}  // namespace iommulab
