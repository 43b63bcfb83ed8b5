// SPDX-License-Identifier: GPL-2.0-only
//
// A device's interrupts, as signals of eventfds. Linux v6.12 drivers/vfio/pci/vfio_pci_intrs.c.
//
// Messages come through the machine's interrupt controller.
#pragma once

#include "vfio/pci/intx.h"
#include "vfio/v6_12/pci/core_device.h"

namespace iommulab::v6_12 {

/// VFIO_DEVICE_SET_IRQS, checked already. `current` is null where nothing is looked up.
int vfio_pci_set_irqs_ioctl(vfio_pci_core_device& vdev, task_struct* current, uint32_t flags,
                            unsigned index, unsigned start, unsigned count, vfio_irq_data data);

/// Null for none. 0, or -ENOMEM.
int vfio_pci_eventfd_replace_locked(vfio_pci_core_device& vdev,
                                    std::shared_ptr<eventfd_ctx>& eventfd,
                                    std::shared_ptr<eventfd_ctx> ctx);

}  // namespace iommulab::v6_12
