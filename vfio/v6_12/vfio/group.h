// SPDX-License-Identifier: GPL-2.0-only
//
// VFIO's groups: what /dev/vfio/N opens into, N being the IOMMU group's number. There is one as
// long as one of the IOMMU group's devices is registered. Linux v6.12 drivers/vfio/group.c
//
// A group is open at most once, and not while one of its devices is open through its own node. A
// device's file that was opened through a group in a container refers to the group's file, so that
// the group outlasts its devices.
#pragma once

#include <list>
#include <string>

#include "vfio/v6_12/vfio/vfio.h"

namespace iommulab::v6_12 {

struct vfio_container;
struct vfio_device_file;

/// Linux v6.12 drivers/vfio/vfio.h: struct vfio_group
struct vfio_group {
  vfio_module* module = nullptr;
  std::string name;  ///< dev_name(): "3"
  unsigned minor = 0;
  unsigned references = 1;  ///< of its `dev`: the registered devices' as one, and open files
  unsigned drivers = 1;     ///< registered devices
  unsigned container_users = 0;
  iommu_group* group = nullptr;  ///< iommu_group; null once no device is registered
  vfio_container* container = nullptr;
  std::list<vfio_device*> device_list;  ///< the newest first
  vfio_group_type type = vfio_group_type::iommu;
  file* opened_file = nullptr;
  iommufd_ctx* iommufd = nullptr;
  unsigned cdev_device_open_cnt = 0;
};
inline const std::string& trace_word(const vfio_group& group) {
  return group.name;
}

/// Null when it is another kind of file.
vfio_group* vfio_group_from_file(file& f);
bool vfio_file_has_dev(file& f, const vfio_device& vdev);

// A device that is opened through its own node keeps its group closed: -EBUSY when it is open.
int vfio_device_block_group(vfio_device& vdev);
void vfio_device_unblock_group(vfio_device& vdev);

/// The device's group, made with the first device. -EINVAL for a device that is in none.
int vfio_device_set_group(vfio_device& vdev, vfio_group_type type);
void vfio_device_remove_group(vfio_device& vdev);
/// From now on it is found by its name.
void vfio_device_group_register(vfio_device& vdev);
void vfio_device_group_unregister(vfio_device& vdev);

int vfio_device_group_use_iommu(vfio_device& vdev);
void vfio_device_group_unuse_iommu(vfio_device& vdev);
bool vfio_device_has_container(const vfio_device& vdev);
void vfio_df_group_close(vfio_device_file& df);
/// Whether DMA of all devices in the group is coherent whatever they ask for.
bool vfio_group_enforced_coherent(vfio_group& group);

int vfio_group_init(vfio_module& module);
void vfio_group_cleanup(vfio_module& module);

/// put_device() of the group's device.
void vfio_group_put(vfio_group& group);
/// The open() of the group's node. Null with `error` set.
file* vfio_group_fops_open(vfio_group& group, int& error);

}  // namespace iommulab::v6_12
