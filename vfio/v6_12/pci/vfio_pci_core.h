// SPDX-License-Identifier: GPL-2.0-only
//
// What drivers of PCI functions have in common that leave them to users.
// Linux v6.12 drivers/vfio/pci/vfio_pci_core.c
//
// Opened, a function is switched on without bus mastering, reset if it can be, and its
// configuration saved. Closed, it masters the bus no more, its interrupts are off, and its
// configuration is restored.
#pragma once

#include <functional>
#include <string_view>

#include "vfio/v6_12/pci/core_device.h"

namespace iommulab::v6_12 {

int vfio_pci_core_init_dev(vfio_pci_core_device& vdev);
int vfio_pci_core_register_device(vfio_pci_core_device& vdev);
/// As vfio_unregister_group_dev().
bool vfio_pci_core_unregister_device(vfio_pci_core_device& vdev, std::function<void()> then);
void vfio_pci_core_release_dev(vfio_pci_core_device& vdev);

int vfio_pci_core_enable(vfio_pci_core_device& vdev);
void vfio_pci_core_finish_enable(vfio_pci_core_device& vdev);
void vfio_pci_core_disable(vfio_pci_core_device& vdev);
void vfio_pci_core_close_device(vfio_pci_core_device& vdev);

int64_t vfio_pci_core_ioctl(vfio_pci_core_device& vdev, task_struct& current, uint32_t cmd,
                            uint64_t arg);
int vfio_pci_core_ioctl_feature(vfio_pci_core_device& vdev, uint32_t flags, uint64_t argsz);
int64_t vfio_pci_core_read(vfio_pci_core_device& vdev, task_struct& current, uint64_t buf,
                           uint64_t count, uint64_t position);
int64_t vfio_pci_core_write(vfio_pci_core_device& vdev, task_struct& current, uint64_t buf,
                            uint64_t count, uint64_t position);
/// -EINVAL for what is no part of a base address, else -ENODEV: a process's memory has no areas of
/// registers.
int vfio_pci_core_mmap(vfio_pci_core_device& vdev, uint64_t address, uint64_t length,
                       uint64_t offset);
void vfio_pci_core_request(vfio_pci_core_device& vdev, unsigned count);
int vfio_pci_core_match(vfio_pci_core_device& vdev, std::string_view buf);

/// How many interrupts of an index the device has.
int vfio_pci_get_irq_count(const vfio_pci_core_device& vdev, unsigned irq_type);
/// The power state, 0 for on: functions here are always on.
int vfio_pci_set_power_state(vfio_pci_core_device& vdev, unsigned state);

/// Nothing of the device's registers is to be seen in a process's memory any more: nothing ever is.
void vfio_pci_zap_bars(vfio_device& vdev);

// Resets of a whole bus. Linux v6.12 drivers/vfio/pci/vfio_pci_core.c

int vfio_pci_ioctl_get_pci_hot_reset_info(vfio_pci_core_device& vdev, task_struct& current,
                                          uint64_t arg);
int vfio_pci_ioctl_pci_hot_reset(vfio_pci_core_device& vdev, task_struct& current, uint64_t arg);
/// When nobody uses any function of the bus, and one of them could not be reset alone.
void vfio_pci_dev_set_try_reset(vfio_device_set& dev_set);

}  // namespace iommulab::v6_12
