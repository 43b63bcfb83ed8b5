// SPDX-License-Identifier: GPL-2.0-only
//
// Registers of a device, read and written by its user. Linux v6.12
// drivers/vfio/pci/vfio_pci_rdwr.c
//
// Devices here know accesses of 4 and 8 bytes. A shorter read takes its bytes from the 4 around
// them, a shorter write reads these first.
#pragma once

#include "vfio/pci/function.h"

namespace iommulab {

/// The registers behind a base address; null where nothing answers.
mmio_window* vfio_pci_bar_window(vfio_pci_function& vdev, unsigned bar);
/// Bytes moved, or a negative errno. The MSI-X table reads as all ones, and writes to it are
/// dropped.
int64_t vfio_pci_bar_rw(vfio_pci_function& vdev, task_struct& current, uint64_t buf, uint64_t count,
                        uint64_t position, bool iswrite);
int64_t vfio_pci_vga_rw(vfio_pci_function& vdev, task_struct& current, uint64_t buf, uint64_t count,
                        uint64_t position, bool iswrite);
/// A write of 1, 2, 4 or 8 bytes; none where nothing answers.
void vfio_pci_iowrite(mmio_window* io, uint64_t offset, unsigned width, uint64_t val);

}  // namespace iommulab
