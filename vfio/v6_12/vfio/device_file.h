// SPDX-License-Identifier: GPL-2.0-only
//
// Open files of devices, through their group or through their own node.
// Linux v6.12 drivers/vfio/vfio_main.c, device_cdev.c
//
// One that was opened through the device's node gives access once it is bound to an iommufd; one of
// a group from the beginning.
#pragma once

#include "vfio/v6_12/vfio/group.h"
#include "vfio/v6_12/vfio/vfio.h"

namespace iommulab::v6_12 {

/// Linux v6.12 drivers/vfio/vfio.h: struct vfio_device_file
struct vfio_device_file {
  vfio_device* vdev = nullptr;
  vfio_group* group = nullptr;  ///< null when it was opened through the device's node
  bool access_granted = false;
  uint32_t devid = 0;  ///< in the iommufd
  iommufd_ctx* iommufd = nullptr;
};

/// Null when memory has run out.
vfio_device_file* vfio_allocate_device_file(vfio_device& vdev);
int vfio_df_open(vfio_device_file& df);
void vfio_df_close(vfio_device_file& df);

// With nobody's virtual machine these do nothing; recorded kernels show them.
void vfio_device_get_kvm_safe(vfio_device& vdev);
void vfio_device_put_kvm(vfio_device& vdev);

/// The file of `df`, which it frees with its end.
file* vfio_device_new_file(vfio_device_file& df);
/// Null when it is another kind of file.
vfio_device* vfio_device_from_file(file& f);
/// Whether it is a group's or a device's file.
bool vfio_file_is_valid(file& f);
bool vfio_file_enforced_coherent(file& f);

/// The open() of the device's node. Null with `error` set.
file* vfio_device_fops_cdev_open(vfio_device& vdev, int& error);
int vfio_df_ioctl_bind_iommufd(vfio_device_file& df, task_struct& current, uint64_t arg);
void vfio_df_unbind_iommufd(vfio_device_file& df);
int vfio_df_ioctl_attach_pt(vfio_device_file& df, task_struct& current, uint64_t arg);
int vfio_df_ioctl_detach_pt(vfio_device_file& df, task_struct& current, uint64_t arg);

/// VFIO_DEVICE_FEATURE
int vfio_ioctl_device_feature(vfio_device& vdev, task_struct& current, uint64_t arg);
/// What a feature's ioctl asks for is something it does, and its data have `minsz` bytes: 1 to go
/// on, 0 for a probe, or a negative errno. Linux v6.12 include/linux/vfio.h: vfio_check_feature()
int vfio_check_feature(uint32_t flags, uint64_t argsz, uint32_t supported_ops, uint64_t minsz);

// Linux v6.12 drivers/vfio/iommufd.c
int vfio_df_iommufd_bind(vfio_device_file& df);
void vfio_df_iommufd_unbind(vfio_device_file& df);
int vfio_iommufd_compat_attach_ioas(vfio_device& vdev, iommufd_ctx& ictx);
bool vfio_iommufd_device_has_compat_ioas(vfio_device& vdev, iommufd_ctx& ictx);

// Nodes and sysfs entries of devices. Linux v6.12 drivers/vfio/device_cdev.c, vfio.h
int vfio_device_add(vfio_device& vdev);
void vfio_device_del(vfio_device& vdev);

}  // namespace iommulab::v6_12
