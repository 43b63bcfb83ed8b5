// SPDX-License-Identifier: GPL-2.0-only
//
// Devices come to their groups and leave them. Linux v4.4 drivers/vfio/vfio.c.
#include <algorithm>
#include <utility>

#include "core/dev_printk.h"
#include "vfio/v4_4/vfio/group.h"

namespace iommulab::v4_4 {
namespace {

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_create_device()
vfio_device* vfio_group_create_device(vfio_group& group, device& dev, vfio_device_ops& ops,
                                      vfio_device_data& device_data) {
  vfio_module& module = group.module;
  IOMMULAB_CALL(module.env.trace, "vfio_group_create_device", {"group", group}, {"dev", dev});
  vfio_device* const made = kernel_new<vfio_device>(module.slab).release();
  if (made == nullptr) return this_call.result(made, -ENOMEM);
  made->dev = &dev;
  made->group = &group;
  made->ops = &ops;
  made->device_data = &device_data;
  module.drvdata[&dev] = made;
  vfio_group_get(group);
  group.device_list.push_front(made);
  return this_call.result(made, dev);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_device_release()
void vfio_device_release(vfio_device& vdev) {
  vfio_module& module = vdev.group->module;
  IOMMULAB_CALL(module.env.trace, "vfio_device_release", {"device", vdev});
  vdev.group->device_list.remove(&vdev);
  module.drvdata.erase(vdev.dev);
  const std::function<void()> wake_up = std::exchange(vdev.released, {});
  kernel_delete(module.slab, &vdev);
  if (wake_up) wake_up();
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_device_get()
void vfio_device_get(vfio_device& vdev) {
  IOMMULAB_CALL(vdev.group->module.env.trace, "vfio_device_get", {"device", vdev});
  vfio_group_get(*vdev.group);
  ++vdev.kref;
}

/// The group that the device is to be in, with a reference. Null with `error` set.
vfio_group* find_or_create_group(vfio_module& module, device& dev, int& error) {
  error = -EINVAL;
  iommu_group* const iommu_group = iommu_group_get(dev);
  if (iommu_group == nullptr) return nullptr;
  vfio_group* group = vfio_group_get_from_iommu(module, *iommu_group);
  // Who makes a group leaves the reference to it.
  if (group == nullptr) {
    group = vfio_create_group(module, *iommu_group, error);
    if (group == nullptr) iommu_group_put(iommu_group);
  } else {
    iommu_group_put(iommu_group);
  }
  return group;
}

void note_unbound(vfio_group& group, const device& dev) {
  vfio_module& module = group.module;
  vfio_unbound_dev* const unbound = kernel_new<vfio_unbound_dev>(module.slab).release();
  if (unbound == nullptr) {
    module.env.log.warn_on("vfio_del_group_dev");
    return;
  }
  unbound->dev = &dev;
  group.unbound_list.push_front(unbound);
}

}  // namespace

// Linux v4.4 drivers/vfio/vfio.c: vfio_device_put()
void vfio_device_put(vfio_device& vdev) {
  vfio_group& group = *vdev.group;
  IOMMULAB_CALL(group.module.env.trace, "vfio_device_put", {"device", vdev});
  if (--vdev.kref == 0) vfio_device_release(vdev);
  vfio_group_put(group);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_get_device()
vfio_device* vfio_group_get_device(vfio_group& group, const device& dev) {
  IOMMULAB_CALL(group.module.env.trace, "vfio_group_get_device", {"group", group}, {"dev", dev});
  const auto& list = group.device_list;
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&dev](const auto* each) { return each->dev == &dev; });
  if (found == list.end()) return this_call.result(nullptr);
  vfio_device_get(**found);
  return this_call.result(*found, dev);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_device_get_from_name()
vfio_device* vfio_device_get_from_name(vfio_group& group, std::string_view buf) {
  IOMMULAB_CALL(group.module.env.trace, "vfio_device_get_from_name", {"group", group},
                {"buf", buf});
  for (vfio_device* each : group.device_list) {
    if (each->dev->name != buf) continue;
    vfio_device_get(*each);
    return this_call.result(each, *each);
  }
  return this_call.result(nullptr);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_add_group_dev()
int vfio_add_group_dev(vfio_module& module, device& dev, vfio_device_ops& ops,
                       vfio_device_data& device_data) {
  IOMMULAB_CALL(module.env.trace, "vfio_add_group_dev", {"dev", dev}, {"ops", ops.name()});
  int error = 0;
  vfio_group* const group = find_or_create_group(module, dev, error);
  if (group == nullptr) return this_call.result(error);
  if (vfio_device* known = vfio_group_get_device(*group, dev)) {
    module.env.log.warn_on("vfio_add_group_dev");
    vfio_device_put(*known);
    vfio_group_put(*group);
    return this_call.result(-EBUSY);
  }
  const vfio_device* const made = vfio_group_create_device(*group, dev, ops, device_data);
  // The device has a reference of its own.
  vfio_group_put(*group);
  return this_call.result(made == nullptr ? -ENOMEM : 0);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_device_get_from_dev()
vfio_device* vfio_device_get_from_dev(vfio_module& module, device& dev) {
  IOMMULAB_CALL(module.env.trace, "vfio_device_get_from_dev", {"dev", dev});
  iommu_group* const iommu_group = iommu_group_get(dev);
  if (iommu_group == nullptr) return this_call.result(nullptr);
  vfio_group* const group = vfio_group_get_from_iommu(module, *iommu_group);
  iommu_group_put(iommu_group);
  if (group == nullptr) return this_call.result(nullptr);
  vfio_device* const found = vfio_group_get_device(*group, dev);
  vfio_group_put(*group);
  return this_call.result(found, found != nullptr);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_del_group_dev()
void vfio_del_group_dev(vfio_module& module, device& dev, std::function<void()> then) {
  IOMMULAB_CALL(module.env.trace, "vfio_del_group_dev", {"dev", dev});
  vfio_device& vdev = *module.drvdata.at(&dev);
  vfio_group& group = *vdev.group;
  vfio_group_get(group);
  // Until it has no driver any more, the device is none that makes the group useless.
  note_unbound(group, dev);
  const bool is_used = vdev.kref > 1;
  if (is_used) vdev.released = then;
  vfio_device_put(vdev);
  vfio_device* const left = vfio_group_get_device(group, dev);
  if (left != nullptr) {
    left->ops->request(*left->device_data, 0);
    vfio_device_put(*left);
  }
  vfio_group_put(group);
  if (!is_used) then();
}

}  // namespace iommulab::v4_4
