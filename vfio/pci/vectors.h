// SPDX-License-Identifier: GPL-2.0-only
//
// Interrupt messages of a function: numbers of the kernel's, and the capability or table that holds
// their messages. Linux v6.12 drivers/pci/msi/.
//
// Without interrupt remapping a function has one MSI vector: several would need vectors side by
// side, which x86 gives only to remapped interrupts.
#pragma once

#include <functional>

#include "vfio/pci/function.h"

namespace iommulab {

/// Up to `nvec` vectors, written to the function and switched on: how many, or a negative errno.
int pci_alloc_irq_vectors(vfio_pci_function& vdev, unsigned nvec, bool msix);
/// The function's messages are switched off.
void pci_free_irq_vectors(vfio_pci_function& vdev);
/// From now on `action` is called for the vector, or nothing.
void request_vector(vfio_pci_function& vdev, unsigned vector, std::function<void()> action);
void free_vector(vfio_pci_function& vdev, unsigned vector);

}  // namespace iommulab
