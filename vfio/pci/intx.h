// SPDX-License-Identifier: GPL-2.0-only
//
// A function's interrupt line, masked and unmasked. Linux drivers/vfio/pci/vfio_pci_intrs.c
//
// A line that a function asserts is taken to nobody here: INTx is raised by the user alone
// (VFIO_IRQ_SET_ACTION_TRIGGER).
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "vfio/pci/function.h"

namespace iommulab {

/// The data of VFIO_DEVICE_SET_IRQS: bytes of one per interrupt, or descriptors.
struct vfio_irq_data {
  absl::Span<const std::byte> bytes;
  [[nodiscard]] bool flag(size_t i) const { return bytes[i] != std::byte{0}; }
  [[nodiscard]] int32_t fd(size_t i) const;
};

// Which kind of interrupt is in use
inline bool irq_is(const vfio_pci_function& vdev, unsigned type) {
  return vdev.irq_type == type;
}
inline bool is_intx(const vfio_pci_function& vdev) {
  return irq_is(vdev, uapi::vfio_pci_intx_irq_index);
}
inline bool is_irq_none(const vfio_pci_function& vdev) {
  return vdev.irq_type > uapi::vfio_pci_msix_irq_index;
}

/// Null for a vector that has none.
vfio_pci_irq_ctx* vfio_irq_ctx_get(vfio_pci_function& vdev, unsigned index);
void vfio_send_intx_eventfd(vfio_pci_function& vdev);
/// Whether that changed anything.
bool vfio_pci_intx_mask(vfio_pci_function& vdev);
void vfio_pci_intx_unmask(vfio_pci_function& vdev);

}  // namespace iommulab
