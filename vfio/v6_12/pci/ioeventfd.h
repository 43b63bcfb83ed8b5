// SPDX-License-Identifier: GPL-2.0-only
//
// Registers that are written when an eventfd is signalled.
// Linux v6.12 drivers/vfio/pci/vfio_pci_rdwr.c
#pragma once

#include "vfio/v6_12/pci/core_device.h"

namespace iommulab::v6_12 {

/// From now on each signal of the descriptor writes `data`; -1 ends that.
int vfio_pci_ioeventfd(vfio_pci_core_device& vdev, task_struct& current, uint64_t offset,
                       uint64_t data, unsigned count, int fd);

}  // namespace iommulab::v6_12
