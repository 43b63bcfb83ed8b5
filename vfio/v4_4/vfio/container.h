// SPDX-License-Identifier: GPL-2.0-only
//
// Containers, and what they ask of their IOMMU driver. Linux v4.4 drivers/vfio/vfio.c,
// include/linux/vfio.h: struct vfio_iommu_driver_ops.
#pragma once

#include <string_view>

#include "vfio/v4_4/vfio/vfio.h"

namespace iommulab::v4_4 {

struct vfio_iommu;  // iommu_data: type1 is the one driver that there is

class vfio_iommu_driver_ops {
 public:
  virtual ~vfio_iommu_driver_ops() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Null with `error` set.
  virtual vfio_iommu* open(uint64_t arg, int& error) = 0;
  virtual void release(vfio_iommu& iommu_data) = 0;
  /// `iommu_data` is null for vfio_check_extension of a container without a type.
  virtual int64_t ioctl(vfio_iommu* iommu_data, task_struct& current, uint32_t cmd,
                        uint64_t arg) = 0;
  virtual int attach_group(vfio_iommu& iommu_data, iommu_group& group) = 0;
  virtual void detach_group(vfio_iommu& iommu_data, iommu_group& group) = 0;
};

/// 0, -ENOMEM, or -EINVAL when it is registered.
int vfio_register_iommu_driver(vfio_module& module, vfio_iommu_driver_ops& ops);
void vfio_unregister_iommu_driver(vfio_module& module, const vfio_iommu_driver_ops& ops);

struct vfio_container {
  explicit vfio_container(vfio_module& module_) : module(module_) {}

  vfio_module& module;
  unsigned kref = 1;
  std::list<vfio_group*> group_list;  ///< the newest first
  vfio_iommu_driver* iommu_driver = nullptr;
  vfio_iommu* iommu_data = nullptr;
};

void vfio_container_get(vfio_container& container);
void vfio_container_put(vfio_container& container);
/// Null when it is another's file.
vfio_container* container_of_file(file& f);

/// Null with `error` set.
file* vfio_fops_open(vfio_module& module, task_struct& current, int& error);

// A group in a container

int vfio_group_set_container(vfio_group& group, task_struct& current, int container_fd);
int vfio_group_unset_container(vfio_group& group);
/// One user fewer; without any the group leaves the container.
void vfio_group_try_dissolve_container(vfio_group& group);

}  // namespace iommulab::v4_4
