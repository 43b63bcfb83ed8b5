// SPDX-License-Identifier: GPL-2.0-only
//
// A device's interrupts, as signals of eventfds. Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c,
// drivers/vfio/virqfd.c.
//
// Messages come through the machine's interrupt controller. A line that a function asserts is
// taken to nobody here: INTx is raised by the user alone (VFIO_IRQ_SET_ACTION_TRIGGER).
#pragma once

#include <functional>

#include "absl/types/span.h"
#include "vfio/v6_12/pci/core_device.h"

namespace iommulab::v6_12 {

/// The data of VFIO_DEVICE_SET_IRQS: bytes of one per interrupt, or descriptors.
struct vfio_irq_data {
  absl::Span<const std::byte> bytes;
  [[nodiscard]] bool flag(size_t i) const { return bytes[i] != std::byte{0}; }
  [[nodiscard]] int32_t fd(size_t i) const;
};

/// VFIO_DEVICE_SET_IRQS, checked already. `current` is null where nothing is looked up.
int vfio_pci_set_irqs_ioctl(vfio_pci_core_device& vdev, task_struct* current, uint32_t flags,
                            unsigned index, unsigned start, unsigned count, vfio_irq_data data);
/// Whether that changed anything.
bool vfio_pci_intx_mask(vfio_pci_core_device& vdev);
void vfio_pci_intx_unmask(vfio_pci_core_device& vdev);

/// `inject` is called for each signal of the eventfd, and now if one is waiting. 0, -EBUSY when
/// `virqfd` is in use, or a negative errno.
int vfio_virqfd_enable(vfio_pci_core_device& vdev, task_struct& current,
                       std::function<void()> inject, vfio_virqfd& virqfd, int fd);
void vfio_virqfd_disable(vfio_pci_core_device& vdev, vfio_virqfd& virqfd);

}  // namespace iommulab::v6_12
