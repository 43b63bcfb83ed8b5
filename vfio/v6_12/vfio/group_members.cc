// SPDX-License-Identifier: GPL-2.0-only
//
// Groups come with their first device and go with the last. Linux v6.12 drivers/vfio/group.c.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "vfio/sysfs/class_device.h"
#include "vfio/v6_12/vfio/container.h"
#include "vfio/v6_12/vfio/group.h"

namespace iommulab::v6_12 {
namespace {

constexpr class_device_kind vfio_class = {"vfio", "vfio/", vfio_group_major};

// Linux v6.12 drivers/vfio/group.c: vfio_group_find_from_iommu()
vfio_group* vfio_group_find_from_iommu(vfio_module& module, const iommu_group& group) {
  IOMMULAB_CALL(module.env.trace, "vfio_group_find_from_iommu", {"iommu_group", group});
  const auto& list = module.group_list;
  const auto found = std::find_if(
      list.begin(), list.end(), [&group](const vfio_group* each) { return each->group == &group; });
  return this_call.result(found == list.end() ? nullptr : *found);
}

// Linux v6.12 drivers/vfio/group.c: vfio_group_release()
void vfio_group_release(vfio_group& group) {
  vfio_module& module = *group.module;
  IOMMULAB_CALL(module.env.trace, "vfio_group_release", {"dev", group});
  if (group.group != nullptr || group.cdev_device_open_cnt != 0) {
    module.env.log.warn_on("vfio_group_release");
  }
  module.group_ida.erase(group.minor);
  kernel_delete(module.slab, &group);
}

// Linux v6.12 drivers/vfio/group.c: vfio_group_alloc()
vfio_group* vfio_group_alloc(vfio_module& module, iommu_group& group, vfio_group_type type) {
  IOMMULAB_CALL(module.env.trace, "vfio_group_alloc", {"iommu_group", group}, {"type", type});
  vfio_group* const made = kernel_new<vfio_group>(module.slab).release();
  if (made == nullptr) return this_call.result(nullptr, -ENOMEM);
  made->module = &module;
  while (!module.group_ida.insert(made->minor).second) ++made->minor;
  made->group = iommu_group_ref_get(group);
  made->type = type;
  return this_call.result(made);
}

// Linux v6.12 drivers/vfio/group.c: vfio_create_group()
vfio_group* vfio_create_group(vfio_module& module, iommu_group& group, vfio_group_type type) {
  IOMMULAB_CALL(module.env.trace, "vfio_create_group", {"iommu_group", group}, {"type", type});
  vfio_group* const made = vfio_group_alloc(module, group, type);
  if (made == nullptr) return this_call.result(nullptr, -ENOMEM);
  made->name = absl::StrCat(iommu_group_id(group));
  cdev_device_add(
      places_of(module), vfio_class, {made->name, made->minor, nullptr},
      [made](task_struct& /*current*/, int& error) { return vfio_group_fops_open(*made, error); });
  module.group_list.push_front(made);
  return this_call.result(made);
}

// Linux v6.12 drivers/vfio/group.c: vfio_group_has_device()
bool vfio_group_has_device(const vfio_group& group, const device& dev) {
  IOMMULAB_CALL(group.module->env.trace, "vfio_group_has_device", {"group", group}, {"dev", dev});
  const auto& list = group.device_list;
  return this_call.result(std::any_of(list.begin(), list.end(),
                                      [&dev](const auto* each) { return each->dev == &dev; }));
}

// Linux v6.12 drivers/vfio/group.c: vfio_group_find_or_alloc()
vfio_group* vfio_group_find_or_alloc(vfio_module& module, device& dev, int& error) {
  IOMMULAB_CALL(module.env.trace, "vfio_group_find_or_alloc", {"dev", dev});
  error = -EINVAL;
  iommu_group* const group = iommu_group_get(dev);
  if (group == nullptr) return this_call.result(nullptr, error);
  vfio_group* found = vfio_group_find_from_iommu(module, *group);
  if (found == nullptr) {
    found = vfio_create_group(module, *group, vfio_group_type::iommu);
    error = found == nullptr ? -ENOMEM : 0;
  } else if (vfio_group_has_device(*found, dev)) {
    module.env.log.warn_on("vfio_group_find_or_alloc");
    found = nullptr;
  } else {
    ++found->drivers;
    error = 0;
  }
  // The VFIO group has a reference of its own.
  iommu_group_put(group);
  if (found == nullptr) return this_call.result(nullptr, error);
  return this_call.result(found);
}

}  // namespace

void vfio_group_put(vfio_group& group) {
  if (--group.references == 0) vfio_group_release(group);
}

// Linux v6.12 drivers/vfio/group.c: vfio_device_set_group()
int vfio_device_set_group(vfio_device& vdev, vfio_group_type type) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_set_group", {"device", vdev}, {"type", type});
  int error = 0;
  vfio_group* const group = vfio_group_find_or_alloc(*vdev.module, *vdev.dev, error);
  if (group == nullptr) return this_call.result(error);
  vdev.group = group;
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/group.c: vfio_device_remove_group()
void vfio_device_remove_group(vfio_device& vdev) {
  vfio_module& module = *vdev.module;
  IOMMULAB_CALL(module.env.trace, "vfio_device_remove_group", {"device", vdev});
  vfio_group& group = *vdev.group;
  if (--group.drivers != 0) return;
  module.group_list.remove(&group);
  cdev_device_del(places_of(module), vfio_class, {group.name, group.minor, nullptr});
  if (!group.device_list.empty()) module.env.log.warn_on("vfio_device_remove_group");
  // Who has the group open can do nothing with it any more.
  if (group.container != nullptr) vfio_group_detach_container(group);
  iommu_group* const released = group.group;
  group.group = nullptr;
  iommu_group_put(released);
  vfio_group_put(group);
}

// Linux v6.12 drivers/vfio/group.c: vfio_device_group_register()
void vfio_device_group_register(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_group_register", {"device", vdev});
  vdev.group->device_list.push_front(&vdev);
}

// Linux v6.12 drivers/vfio/group.c: vfio_device_group_unregister()
void vfio_device_group_unregister(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_group_unregister", {"device", vdev});
  vdev.group->device_list.remove(&vdev);
}

// Linux v6.12 drivers/vfio/group.c: vfio_device_group_use_iommu()
int vfio_device_group_use_iommu(vfio_device& vdev) {
  environment& env = vdev.module->env;
  IOMMULAB_CALL(env.trace, "vfio_device_group_use_iommu", {"device", vdev});
  if (vdev.group->container == nullptr) {
    env.log.warn_on("vfio_device_group_use_iommu");
    return this_call.result(-EINVAL);
  }
  const int ret = vfio_group_use_container(*vdev.group);
  if (ret != 0) return this_call.result(ret);
  vfio_device_container_register(vdev);
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/group.c: vfio_device_group_unuse_iommu()
void vfio_device_group_unuse_iommu(vfio_device& vdev) {
  environment& env = vdev.module->env;
  IOMMULAB_CALL(env.trace, "vfio_device_group_unuse_iommu", {"device", vdev});
  if (vdev.group->container == nullptr) {
    env.log.warn_on("vfio_device_group_unuse_iommu");
    return;
  }
  vfio_device_container_unregister(vdev);
  vfio_group_unuse_container(*vdev.group);
}

// Linux v6.12 drivers/vfio/group.c: vfio_device_has_container()
bool vfio_device_has_container(const vfio_device& vdev) {
  IOMMULAB_CALL(vdev.module->env.trace, "vfio_device_has_container", {"device", vdev});
  return this_call.result(vdev.group->container != nullptr);
}

// Linux v6.12 drivers/vfio/group.c: vfio_group_init()
int vfio_group_init(vfio_module& module) {
  IOMMULAB_CALL(module.env.trace, "vfio_group_init");
  return this_call.result(vfio_container_init(module));
}

// Linux v6.12 drivers/vfio/group.c: vfio_group_cleanup()
void vfio_group_cleanup(vfio_module& module) {
  IOMMULAB_CALL(module.env.trace, "vfio_group_cleanup");
  if (!module.group_list.empty()) module.env.log.warn_on("vfio_group_cleanup");
  vfio_container_cleanup(module);
}

}  // namespace iommulab::v6_12
