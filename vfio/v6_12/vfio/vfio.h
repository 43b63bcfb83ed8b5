// SPDX-License-Identifier: GPL-2.0-only
//
// VFIO's core of Linux 6.12: what is global in it, the devices that drivers register with it, and
// what a driver supplies. Linux v6.12 include/linux/vfio.h, drivers/vfio/vfio_main.c.
//
// References, as in the kernel: `references` keep a vfio_device allocated, `refcount` counts its
// users from registration on (the registration itself, each open file). A device goes from its
// driver when the last user has gone. `open_count` counts opens of one device; the first makes its
// group's IOMMU used and switches the device on, the last undoes that.
//
// One thread at a time: the kernel's mutexes have no counterpart.
#pragma once

#include <cerrno>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "core/device.h"
#include "core/environment.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/slab.h"
#include "core/sysfs.h"
#include "vfio/module_options.h"
#include "vfio/process/device_nodes.h"
#include "vfio/process/task_struct.h"
#include "vfio/process/user_pages.h"
#include "vfio/sysfs/class_device.h"
#include "vfio/v6_12/iommufd/iommufd.h"

namespace iommulab::v6_12 {

struct vfio_device;
struct vfio_device_set;
struct vfio_group;
class vfio_iommu_driver_ops;

/// A registered IOMMU driver of containers. Linux v6.12 drivers/vfio/vfio.h
struct vfio_iommu_driver {
  vfio_iommu_driver_ops* ops = nullptr;
};

/// What is global in drivers/vfio, for one running system. All that it refers to outlives it, and
/// it outlives every open file of its nodes.
struct vfio_module {
  environment& env;
  iommu_subsystem& iommu;
  slab_failures& slab;
  user_pages& pages;
  device_nodes& nodes;
  sysfs_tree& sysfs;
  vfio_module_options options;

  std::list<vfio_iommu_driver*> iommu_drivers_list{};            ///< the newest first
  std::list<vfio_group*> group_list{};                           ///< the newest first
  std::set<unsigned> group_ida{};                                ///< minors of groups in use
  std::set<unsigned> device_ida{};                               ///< N of each vfioN in use
  std::map<const void*, vfio_device_set*> vfio_device_set_xa{};  ///< by set_id
};
inline class_device_places places_of(vfio_module& module) {
  return {module.sysfs, module.nodes};
}

/// Makes /dev/vfio/vfio where it is VFIO's, and what devices and groups need. 0 or -ENOMEM.
int vfio_init(vfio_module& module);
/// No group is left.
void vfio_cleanup(vfio_module& module);

/// Who is behind a group. Linux v6.12 drivers/vfio/vfio.h
enum class vfio_group_type : uint8_t {
  iommu,           ///< VFIO_IOMMU: devices behind an IOMMU
  emulated_iommu,  ///< VFIO_EMULATED_IOMMU: devices that do no DMA of their own
  no_iommu,        ///< VFIO_NO_IOMMU: CONFIG_VFIO_NOIOMMU, which is off
};

/// Devices that are opened and reset together.
struct vfio_device_set {
  const void* set_id = nullptr;
  std::list<vfio_device*> device_list;  ///< the oldest first
  unsigned device_count = 0;
};

/// What a driver does for VFIO. What is not overridden is a null pointer there. Addresses are the
/// caller's; results are 0 or more, or negative errnos.
class vfio_device_ops {
 public:
  virtual ~vfio_device_ops() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  virtual int init(vfio_device&) { return 0; }
  virtual void release(vfio_device&) {}
  virtual int bind_iommufd(vfio_device&, iommufd_ctx&, uint32_t& out_device_id) = 0;
  virtual void unbind_iommufd(vfio_device&) = 0;
  /// `pt_id` becomes what it was attached to.
  virtual int attach_ioas(vfio_device&, uint32_t& pt_id) = 0;
  virtual void detach_ioas(vfio_device&) = 0;
  virtual int open_device(vfio_device&) { return 0; }
  virtual void close_device(vfio_device&) {}
  virtual int64_t read(vfio_device&, task_struct&, uint64_t /*buf*/, uint64_t /*count*/,
                       uint64_t /*position*/) {
    return -EINVAL;
  }
  virtual int64_t write(vfio_device&, task_struct&, uint64_t /*buf*/, uint64_t /*count*/,
                        uint64_t /*position*/) {
    return -EINVAL;
  }
  virtual int64_t ioctl(vfio_device&, task_struct&, uint32_t /*cmd*/, uint64_t /*arg*/) {
    return -EINVAL;
  }
  virtual int64_t mmap(vfio_device&, task_struct&, uint64_t /*address*/, uint64_t /*length*/,
                       uint64_t /*offset*/) {
    return -EINVAL;
  }
  /// Somebody waits for the device to be released, for the `count`-th time.
  virtual void request(vfio_device&, unsigned /*count*/) {}
  /// Whether `buf` names the device: 1, 0 or a negative errno.
  virtual int match(vfio_device&, std::string_view buf) = 0;
  /// Whether the driver pins pages of its users (vfio_pin_pages()), and so has to hear of unmaps.
  [[nodiscard]] virtual bool has_dma_unmap() const { return false; }
  virtual void dma_unmap(vfio_device&, uint64_t /*iova*/, uint64_t /*length*/) {}
  virtual int device_feature(vfio_device&, task_struct&, uint32_t /*flags*/, uint64_t /*arg*/,
                             uint64_t /*argsz*/) {
    return -ENOTTY;
  }
};

/// Linux v6.12 include/linux/vfio.h: struct vfio_device. A driver derives its own from it.
struct vfio_device {
  virtual ~vfio_device() = default;

  vfio_module* module = nullptr;
  device* dev = nullptr;
  vfio_device_ops* ops = nullptr;
  vfio_group* group = nullptr;
  vfio_device_set* dev_set = nullptr;
  unsigned index = 0;
  std::string name;  ///< "vfio0"; empty until it is registered
  unsigned references = 0;
  unsigned refcount = 0;
  unsigned open_count = 0;
  iommufd_device* idev = nullptr;  ///< vfio_device::iommufd_device
  bool iommufd_attached = false;
  bool cdev_opened = false;
  /// What vfio_unregister_group_dev() has to do once the last user is gone; empty as long as nobody
  /// waits for that.
  std::function<void()> comp;
};
inline std::string trace_word(const vfio_device& vdev) {
  return "vfio" + std::to_string(vdev.index);
}

/// Makes a device with `make`, which is null when memory has run out, and prepares it for
/// registration. Null with `error` set.
vfio_device* vfio_alloc_device(vfio_module& module, absl::FunctionRef<vfio_device*()> make,
                               device& dev, vfio_device_ops& ops, int& error);
/// Drops the reference of vfio_alloc_device().
void vfio_put_device(vfio_device& vdev);
/// Into the set of all devices with the same id. 0 or -ENOMEM.
int vfio_assign_device_set(vfio_device& vdev, const void* set_id);
unsigned vfio_device_set_open_count(const vfio_device_set& dev_set);
/// Null when it is none of the set.
vfio_device* vfio_find_device_in_devset(const vfio_device_set& dev_set, const device& dev);

/// From now on users can open the device: its group's node and its own.
int vfio_register_group_dev(vfio_device& vdev);
/// Nobody can open the device any more. True when nobody has it open: it is unregistered, and what
/// comes then is the caller's. The kernel waits for the last user, and nobody could end a wait
/// here: false, and `then` runs when that user has gone.
bool vfio_unregister_group_dev(vfio_device& vdev, std::function<void()> then);

void vfio_device_put_registration(vfio_device& vdev);
bool vfio_device_try_get_registration(vfio_device& vdev);

/// CONFIG_VFIO_NOIOMMU is off.
bool vfio_device_is_noiommu(const vfio_device& vdev);

// For drivers whose devices do DMA behind an IOMMU: what bind_iommufd() and its siblings are.
// Linux v6.12 drivers/vfio/iommufd.c

int vfio_iommufd_physical_bind(vfio_device& vdev, iommufd_ctx& ictx, uint32_t& out_device_id);
void vfio_iommufd_physical_unbind(vfio_device& vdev);
int vfio_iommufd_physical_attach_ioas(vfio_device& vdev, uint32_t& pt_id);
void vfio_iommufd_physical_detach_ioas(vfio_device& vdev);
/// Null for a device that is not bound to one.
iommufd_ctx* vfio_iommufd_device_ictx(vfio_device& vdev);
/// The device's id in `ictx`; -ENOENT when only others of its group are there, -ENODEV when none.
int vfio_iommufd_get_dev_id(vfio_device& vdev, iommufd_ctx* ictx);

}  // namespace iommulab::v6_12
