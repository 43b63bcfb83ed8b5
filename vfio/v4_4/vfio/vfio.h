// SPDX-License-Identifier: GPL-2.0-only
//
// VFIO's core of Linux 4.4: what is global in it, groups, devices, and what a driver of devices
// supplies. Linux v4.4 drivers/vfio/vfio.c, include/linux/vfio.h.
//
// References, as in the kernel: a group has one for each device in it and for each open file; a
// device has one from its driver and one for each open file, and each goes with one of the group.
// `container_users` counts the group's file while a container is set, and each open device; the
// last takes the group out of the container.
//
// One thread at a time: the kernel's mutexes have no counterpart. `current_mm` is the memory of the
// process whose call is under way; a file that is closed is closed by who opened it.
#pragma once

#include <cerrno>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "core/device.h"
#include "core/environment.h"
#include "core/iommu/iommu.h"
#include "core/slab.h"
#include "core/sysfs.h"
#include "vfio/module_options.h"
#include "vfio/process/device_nodes.h"
#include "vfio/process/task_struct.h"
#include "vfio/process/user_pages.h"
#include "vfio/sysfs/class_device.h"

namespace iommulab::v4_4 {

struct vfio_container;
struct vfio_device;
struct vfio_group;
class vfio_iommu_driver_ops;
class vfio_release;

/// A registered IOMMU driver of containers.
struct vfio_iommu_driver {
  vfio_iommu_driver_ops* ops = nullptr;
};

/// struct vfio, for one running system. All that it refers to outlives it, and it outlives every
/// open file of its nodes.
struct vfio_module {
  environment& env;
  slab_failures& slab;
  user_pages& pages;
  device_nodes& nodes;
  sysfs_tree& sysfs;
  const vfio_release& release;
  vfio_module_options options;

  std::list<vfio_iommu_driver*> iommu_drivers_list{};  ///< the newest first
  std::list<vfio_group*> group_list{};                 ///< the newest first
  std::set<unsigned> group_idr{};                      ///< minors of groups in use
  std::map<const device*, vfio_device*> drvdata{};     ///< dev_get_drvdata()
  std::weak_ptr<mm_struct> current_mm{};
};
inline class_device_places places_of(vfio_module& module) {
  return {module.sysfs, module.nodes};
}

/// Of the process whose call is under way; null when it has ended.
inline std::shared_ptr<mm_struct> current_mm(const vfio_module& module) {
  std::shared_ptr<mm_struct> mm = module.current_mm.lock();
  return mm != nullptr && mm->has_users() ? mm : nullptr;
}

/// Makes /dev/vfio/vfio. 0 or a negative errno.
int vfio_init(vfio_module& module);
/// No group is left.
void vfio_cleanup(vfio_module& module);

/// A device on its way from a VFIO driver to no driver.
struct vfio_unbound_dev {
  const device* dev = nullptr;
};

struct vfio_group {
  explicit vfio_group(vfio_module& module_) : module(module_) {}

  vfio_module& module;
  unsigned kref = 1;
  unsigned minor = 0;
  unsigned container_users = 0;
  iommulab::iommu_group* iommu_group = nullptr;
  vfio_container* container = nullptr;
  std::list<vfio_device*> device_list;  ///< the newest first
  iommu_group_notifier_block nb;
  std::list<vfio_unbound_dev*> unbound_list;  ///< the newest first
  bool opened = false;
};
inline int trace_word(const vfio_group& group) {
  return group.iommu_group->id;
}

/// What a driver keeps of its device: device_data.
struct vfio_device_data {
  virtual ~vfio_device_data() = default;
};

/// What a driver does for VFIO. Addresses are the caller's; results are 0 or more, or negative
/// errnos.
class vfio_device_ops {
 public:
  virtual ~vfio_device_ops() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  virtual int open(vfio_device_data& data) = 0;
  virtual void release(vfio_device_data& data) = 0;
  virtual int64_t read(vfio_device_data& data, task_struct& current, uint64_t buf, uint64_t count,
                       uint64_t position) = 0;
  virtual int64_t write(vfio_device_data& data, task_struct& current, uint64_t buf, uint64_t count,
                        uint64_t position) = 0;
  virtual int64_t ioctl(vfio_device_data& data, task_struct& current, uint32_t cmd,
                        uint64_t arg) = 0;
  virtual int64_t mmap(vfio_device_data& data, uint64_t address, uint64_t length,
                       uint64_t offset) = 0;
  /// Somebody waits for the device to be released, for the `count`-th time.
  virtual void request(vfio_device_data& data, unsigned count) = 0;
};

struct vfio_device {
  unsigned kref = 1;
  device* dev = nullptr;
  vfio_device_ops* ops = nullptr;
  vfio_group* group = nullptr;
  vfio_device_data* device_data = nullptr;
  /// What vfio_del_group_dev() has to do once the last user is gone; empty as long as nobody waits
  /// for that.
  std::function<void()> released;
};
inline const std::string& trace_word(const vfio_device& device) {
  return device.dev->name;
}

// The API of drivers

/// From now on users can open the device. 0, -EINVAL without an IOMMU group, -EBUSY when it is
/// there, -ENOMEM.
int vfio_add_group_dev(vfio_module& module, device& dev, vfio_device_ops& ops,
                       vfio_device_data& device_data);
/// Nobody can open the device any more. `then` runs when the last user has gone, which is at once
/// unless the device is open: the kernel waits there, and nobody could end a wait here.
void vfio_del_group_dev(vfio_module& module, device& dev, std::function<void()> then);
/// With a reference; null when it is none of VFIO's.
vfio_device* vfio_device_get_from_dev(vfio_module& module, device& dev);
void vfio_device_put(vfio_device& device);

// For who is given a group's file

/// With a reference and as a user of the container. Null with `error` -EINVAL for another file, and
/// for a group that is not ready for use.
vfio_group* vfio_group_get_external_user(file& f, int& error);
void vfio_group_put_external_user(vfio_group& group);
int vfio_external_user_iommu_id(const vfio_group& group);

}  // namespace iommulab::v4_4
