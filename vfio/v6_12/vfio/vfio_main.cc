// SPDX-License-Identifier: GPL-2.0-only
//
// Devices come and go, and the module does. Linux v6.12 drivers/vfio/vfio_main.c.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/dev_printk.h"
#include "vfio/v6_12/vfio/device_file.h"
#include "vfio/v6_12/vfio/group.h"
#include "vfio/v6_12/vfio/vfio.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 lib/idr.c: ida_alloc_max(), the lowest free number
unsigned take_lowest(std::set<unsigned>& ida) {
  unsigned free = 0;
  for (const unsigned taken : ida) {
    if (taken != free) break;
    ++free;
  }
  ida.insert(free);
  return free;
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_release_device_set()
void vfio_release_device_set(vfio_device& vdev) {
  vfio_module& module = *vdev.module;
  IOMMULAB_CALL(module.env.trace, "vfio_release_device_set", {"device", vdev});
  vfio_device_set* const dev_set = vdev.dev_set;
  if (dev_set == nullptr) return;
  dev_set->device_list.remove(&vdev);
  if (--dev_set->device_count != 0) return;
  module.vfio_device_set_xa.erase(dev_set->set_id);
  kernel_delete(module.slab, dev_set);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_release()
void vfio_device_release(vfio_device& vdev) {
  vfio_module& module = *vdev.module;
  IOMMULAB_CALL(module.env.trace, "vfio_device_release", {"dev", vdev});
  vfio_release_device_set(vdev);
  module.device_ida.erase(vdev.index);
  vdev.ops->release(vdev);
  kernel_delete(module.slab, &vdev);
}

/// The device's inode, so that all that is mapped of it can be taken away at once. Nothing is
/// mapped through inodes here. Linux v6.12 drivers/vfio/vfio_main.c: vfio_fs_inode_new()
void vfio_fs_inode_new(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_fs_inode_new", {"device", vdev});
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_init_device()
int vfio_init_device(vfio_device& vdev, device& dev, vfio_device_ops& ops) {
  vfio_module& module = *vdev.module;
  vdev.index = take_lowest(module.device_ida);
  IOMMULAB_CALL(module.env.trace, "vfio_init_device", {"device", vdev}, {"dev", dev});
  vdev.dev = &dev;
  vdev.ops = &ops;
  vfio_fs_inode_new(vdev);
  const int ret = ops.init(vdev);
  if (ret != 0) {
    vfio_release_device_set(vdev);
    module.device_ida.erase(vdev.index);
    return this_call.result(ret);
  }
  vdev.references = 1;
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio_main.c: __vfio_register_dev()
int vfio_register_dev(vfio_device& vdev, vfio_group_type type) {
  environment& env = vdev.module->env;
  IOMMULAB_CALL(env.trace, "__vfio_register_dev", {"device", vdev}, {"type", type});
  // A device that is in no set is in one of its own.
  if (vdev.dev_set == nullptr) vfio_assign_device_set(vdev, &vdev);
  vdev.name = absl::StrCat("vfio", vdev.index);
  int ret = vfio_device_set_group(vdev, type);
  if (ret != 0) return this_call.result(ret);
  // Users cannot keep memory coherent themselves.
  if (type == vfio_group_type::iommu && !vfio_device_is_noiommu(vdev) &&
      !device_iommu_capable(*vdev.dev, iommu_cap::cache_coherency)) {
    ret = -EINVAL;
  }
  if (ret == 0) ret = vfio_device_add(vdev);
  if (ret != 0) {
    vfio_device_remove_group(vdev);
    return this_call.result(ret);
  }
  vdev.refcount = 1;
  vfio_device_group_register(vdev);
  return this_call.result(0);
}

}  // namespace

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_assign_device_set()
int vfio_assign_device_set(vfio_device& vdev, const void* set_id) {
  vfio_module& module = *vdev.module;
  IOMMULAB_CALL(module.env.trace, "vfio_assign_device_set", {"device", vdev});
  vfio_device_set* dev_set = nullptr;
  if (const auto found = module.vfio_device_set_xa.find(set_id);
      found != module.vfio_device_set_xa.end()) {
    dev_set = found->second;
  } else {
    dev_set = kernel_new<vfio_device_set>(module.slab).release();
    if (dev_set == nullptr) return this_call.result(-ENOMEM);
    dev_set->set_id = set_id;
    module.vfio_device_set_xa[set_id] = dev_set;
  }
  ++dev_set->device_count;
  vdev.dev_set = dev_set;
  dev_set->device_list.push_back(&vdev);
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_set_open_count()
unsigned vfio_device_set_open_count(const vfio_device_set& dev_set) {
  const vfio_device& first = *dev_set.device_list.front();
  IOMMULAB_CALL(first.module->env.trace, "vfio_device_set_open_count", {"dev_set", first});
  unsigned open_count = 0;
  for (const vfio_device* each : dev_set.device_list) open_count += each->open_count;
  return this_call.result(open_count);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_find_device_in_devset()
vfio_device* vfio_find_device_in_devset(const vfio_device_set& dev_set, const device& dev) {
  IOMMULAB_CALL(dev.bus->env.trace, "vfio_find_device_in_devset", {"dev", dev});
  const auto& list = dev_set.device_list;
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&dev](const vfio_device* each) { return each->dev == &dev; });
  return this_call.result(found == list.end() ? nullptr : *found);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_put_registration()
void vfio_device_put_registration(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_put_registration", {"device", vdev});
  if (--vdev.refcount != 0 || !vdev.comp) return;
  const std::function<void()> complete = std::exchange(vdev.comp, {});
  complete();
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_device_try_get_registration()
bool vfio_device_try_get_registration(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_try_get_registration", {"device", vdev});
  if (vdev.refcount == 0) return this_call.result(false);
  ++vdev.refcount;
  return this_call.result(true);
}

// Linux v6.12 drivers/vfio/vfio_main.c: _vfio_alloc_device()
vfio_device* vfio_alloc_device(vfio_module& module, absl::FunctionRef<vfio_device*()> make,
                               device& dev, vfio_device_ops& ops, int& error) {
  IOMMULAB_CALL(module.env.trace, "_vfio_alloc_device", {"dev", dev});
  vfio_device* const vdev = make();
  error = vdev == nullptr ? -ENOMEM : 0;
  if (vdev == nullptr) return this_call.result(nullptr, error);
  vdev->module = &module;
  error = vfio_init_device(*vdev, dev, ops);
  if (error != 0) {
    kernel_delete(module.slab, vdev);
    return this_call.result(nullptr, error);
  }
  return this_call.result(vdev);
}

// Linux v6.12 include/linux/vfio.h: vfio_put_device()
void vfio_put_device(vfio_device& vdev) {
  if (--vdev.references == 0) vfio_device_release(vdev);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_register_group_dev()
int vfio_register_group_dev(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_register_group_dev", {"device", vdev});
  return this_call.result(vfio_register_dev(vdev, vfio_group_type::iommu));
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_unregister_group_dev()
bool vfio_unregister_group_dev(vfio_device& vdev, std::function<void()> then) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_unregister_group_dev", {"device", vdev});
  vfio_device_group_unregister(vdev);
  vfio_device_del(vdev);
  vfio_device_put_registration(vdev);
  if (vdev.refcount == 0) {
    vfio_device_remove_group(vdev);
    return this_call.result(true);
  }
  vdev.comp = [&vdev, last = std::move(then)] {
    vfio_device_remove_group(vdev);
    last();
  };
  vdev.ops->request(vdev, 0);
  return this_call.result(false);
}

// Linux v6.12 drivers/vfio/vfio.h: vfio_device_is_noiommu()
bool vfio_device_is_noiommu(const vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_is_noiommu", {"vdev", vdev});
  return this_call.result(false);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_init()
int vfio_init(vfio_module& module) {
  IOMMULAB_CALL(module.env.trace, "vfio_init");
  const int ret = vfio_group_init(module);
  if (ret != 0) return this_call.result(ret);
  module.env.log.print(log_level::info, "VFIO - User Level meta-driver version: 0.3");
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_cleanup()
void vfio_cleanup(vfio_module& module) {
  IOMMULAB_CALL(module.env.trace, "vfio_cleanup");
  vfio_group_cleanup(module);
}

}  // namespace iommulab::v6_12
