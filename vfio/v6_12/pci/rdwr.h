// SPDX-License-Identifier: GPL-2.0-only
//
// Registers of a device, read and written by its user. Linux v6.12
// drivers/vfio/pci/vfio_pci_rdwr.c
//
// Devices here know accesses of 4 and 8 bytes. A shorter read takes its bytes from the 4 around
// them, a shorter write reads these first.
#pragma once

#include "vfio/v6_12/pci/core_device.h"

namespace iommulab::v6_12 {

/// The registers behind a base address; null where nothing answers.
mmio_window* vfio_pci_bar_window(vfio_pci_core_device& vdev, unsigned bar);
/// Bytes moved, or a negative errno. The MSI-X table reads as all ones, and writes to it are
/// dropped.
int64_t vfio_pci_bar_rw(vfio_pci_core_device& vdev, task_struct& current, uint64_t buf,
                        uint64_t count, uint64_t position, bool iswrite);
int64_t vfio_pci_vga_rw(vfio_pci_core_device& vdev, task_struct& current, uint64_t buf,
                        uint64_t count, uint64_t position, bool iswrite);
/// From now on each signal of the descriptor writes `data`; -1 ends that.
int vfio_pci_ioeventfd(vfio_pci_core_device& vdev, task_struct& current, uint64_t offset,
                       uint64_t data, unsigned count, int fd);

}  // namespace iommulab::v6_12
