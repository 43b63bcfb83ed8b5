// SPDX-License-Identifier: GPL-2.0-only
//
// Groups come with their first device and go with the last reference.
// Linux v4.4 drivers/vfio/vfio.c.
#include "vfio/v4_4/vfio/group.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace iommulab::v4_4 {
namespace {

// Linux v4.4 drivers/vfio/vfio.c: vfio_alloc_group_minor()
unsigned vfio_alloc_group_minor(vfio_module& module) {
  IOMMULAB_CALL(module.env.trace, "vfio_alloc_group_minor");
  unsigned minor = 0;
  while (!module.group_idr.insert(minor).second) ++minor;
  return this_call.result(minor);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_free_group_minor()
void vfio_free_group_minor(vfio_module& module, unsigned minor) {
  IOMMULAB_CALL(module.env.trace, "vfio_free_group_minor", {"minor", minor});
  module.group_idr.erase(minor);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_unlock_and_free()
void vfio_group_unlock_and_free(vfio_group& group) {
  vfio_module& module = group.module;
  IOMMULAB_CALL(module.env.trace, "vfio_group_unlock_and_free", {"group", group});
  iommu_group_unregister_notifier(*group.iommu_group, group.nb);
  kernel_delete(module.slab, &group);
}

std::string name_of(const vfio_group& group) {
  return absl::StrCat(group.iommu_group->id);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_release()
void vfio_group_release(vfio_group& group) {
  vfio_module& module = group.module;
  IOMMULAB_CALL(module.env.trace, "vfio_group_release", {"group", group});
  if (!group.device_list.empty()) module.env.log.warn_on("vfio_group_release");
  for (vfio_unbound_dev* each : group.unbound_list) kernel_delete(module.slab, each);
  group.unbound_list.clear();
  iommu_group* const iommu_group = group.iommu_group;
  cdev_device_del(places_of(module), vfio_class, {name_of(group), group.minor, nullptr});
  module.group_list.remove(&group);
  vfio_free_group_minor(module, group.minor);
  vfio_group_unlock_and_free(group);
  iommu_group_put(iommu_group);
}

/// device_create(): the group's node. 0 or -ENOMEM.
int create_node(vfio_group& group) {
  vfio_module& module = group.module;
  slab_token memory(module.slab);
  if (!memory) return -ENOMEM;
  const std::string name = absl::StrCat(iommu_group_id(*group.iommu_group));
  cdev_device_add(places_of(module), vfio_class, {name, group.minor, nullptr},
                  [&group](task_struct& current, int& error) {
                    return vfio_group_fops_open(group, current, error);
                  });
  return 0;
}

}  // namespace

// Linux v4.4 drivers/vfio/vfio.c: vfio_create_group()
vfio_group* vfio_create_group(vfio_module& module, iommu_group& iommu_group, int& error) {
  IOMMULAB_CALL(module.env.trace, "vfio_create_group", {"iommu_group", iommu_group});
  error = -ENOMEM;
  vfio_group* const group = kernel_new<vfio_group>(module.slab, module).release();
  if (group == nullptr) return this_call.result(nullptr, error);
  group->iommu_group = &iommu_group;
  group->nb.notifier_call = [&module, group](iommu_group_notify action, device& dev) {
    return vfio_iommu_group_notifier(module, *group, action, dev);
  };
  iommu_group_register_notifier(iommu_group, group->nb);
  group->minor = vfio_alloc_group_minor(module);
  error = create_node(*group);
  if (error != 0) {
    vfio_free_group_minor(module, group->minor);
    vfio_group_unlock_and_free(*group);
    return this_call.result(nullptr, error);
  }
  module.group_list.push_front(group);
  return this_call.result(group);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_put()
void vfio_group_put(vfio_group& group) {
  IOMMULAB_CALL(group.module.env.trace, "vfio_group_put", {"group", group});
  if (--group.kref == 0) vfio_group_release(group);
}

void vfio_release_left_groups(vfio_module& module) {
  while (!module.group_list.empty()) vfio_group_release(*module.group_list.front());
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_get()
void vfio_group_get(vfio_group& group) {
  IOMMULAB_CALL(group.module.env.trace, "vfio_group_get", {"group", group});
  ++group.kref;
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_try_get()
vfio_group* vfio_group_try_get(vfio_module& module, vfio_group& group) {
  IOMMULAB_CALL(module.env.trace, "vfio_group_try_get", {"target_group", group.minor});
  const auto& list = module.group_list;
  if (std::find(list.begin(), list.end(), &group) == list.end()) return this_call.result(nullptr);
  vfio_group_get(group);
  return this_call.result(&group);
}

// Linux v4.4 drivers/vfio/vfio.c: vfio_group_get_from_iommu()
vfio_group* vfio_group_get_from_iommu(vfio_module& module, const iommu_group& iommu_group) {
  IOMMULAB_CALL(module.env.trace, "vfio_group_get_from_iommu", {"iommu_group", iommu_group});
  const auto& list = module.group_list;
  const auto found = std::find_if(list.begin(), list.end(), [&](const vfio_group* each) {
    return each->iommu_group == &iommu_group;
  });
  if (found == list.end()) return this_call.result(nullptr);
  vfio_group_get(**found);
  return this_call.result(*found);
}

}  // namespace iommulab::v4_4
