// SPDX-License-Identifier: GPL-2.0-or-later
//
// Groups: their life, members, and notifications. Linux v4.4 drivers/iommu/iommu.c.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/iommu/iommu.h"
#include "core/iommu/iommu_internal.h"
#include "core/sysfs.h"

namespace iommulab {
namespace {

constexpr char groups_directory[] = "kernel/iommu_groups";

/// Maps what the firmware wants reachable before the device joins a group whose default domain
/// translates. No driver of this profile names such regions, nor has default domains.
void create_direct_mappings(iommu_group& group) {
  IOMMULAB_CALL(group.core->env().trace, "iommu_group_create_direct_mappings");
}

/// kobject_put(group->devices_kobj)
void put_reference(iommu_group& group) {
  if (--group.references == 0) group.core->release(group);
}

}  // namespace

iommu_core::iommu_core(environment& env, sysfs_tree& sysfs) : env_(env), sysfs_(sysfs) {}
iommu_core::~iommu_core() = default;

void iommu_init(iommu_core& core) {
  IOMMULAB_CALL(core.env().trace, "iommu_init");
  core.sysfs().create_directory(groups_directory).IgnoreError();
}

iommu_group* iommu_core::group_alloc() {
  IOMMULAB_CALL(env_.trace, "iommu_group_alloc");
  if (!sysfs_.exists(groups_directory)) return nullptr;
  int id = 0;
  while (std::any_of(groups_.begin(), groups_.end(), [id](const auto& g) { return g->id == id; })) {
    ++id;
  }
  auto group = std::make_unique<iommu_group>();
  group->id = id;
  group->references = 1;
  group->core = this;
  group->sysfs_path = absl::StrCat(groups_directory, "/", id);
  if (!sysfs_.create_directory(absl::StrCat(group->sysfs_path, "/devices")).ok()) return nullptr;
  env_.trace.tell([&] { return events::group_change{events::group_action::create, id}; });
  IOMMULAB_RESULT(env_.trace, {"group", id});
  groups_.push_back(std::move(group));
  return groups_.back().get();
}

void iommu_core::release(iommu_group& group) {
  IOMMULAB_CALL(env_.trace, "iommu_group_release");
  env_.trace.tell([&] { return events::group_change{events::group_action::free, group.id}; });
  sysfs_.remove(group.sysfs_path).IgnoreError();
  if (group.default_domain != nullptr) iommu_domain_free(*group.default_domain);
  std::erase_if(groups_, [&group](const auto& g) { return g.get() == &group; });
}

iommu_group* iommu_group_get(device& dev) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_group_get", {"device", dev.name});
  if (dev.group != nullptr) ++dev.group->references;
  return dev.group;
}

void iommu_group_put(iommu_group* group) {
  if (group == nullptr) return;
  // The scope outlives the group, so that it must not be reached through it.
  IOMMULAB_CALL(group->core->env().trace, "iommu_group_put");
  put_reference(*group);
}

int iommu_group_id(const iommu_group& group) {
  IOMMULAB_CALL(group.core->env().trace, "iommu_group_id");
  return group.id;
}

void iommu_group_register_notifier(iommu_group& group, iommu_group_notifier_block& nb) {
  IOMMULAB_CALL(group.core->env().trace, "iommu_group_register_notifier");
  group.notifier.register_block(nb);
}

void iommu_group_unregister_notifier(iommu_group& group, iommu_group_notifier_block& nb) {
  IOMMULAB_CALL(group.core->env().trace, "iommu_group_unregister_notifier");
  group.notifier.unregister_block(nb);
}

int iommu_group_add_device(iommu_group& group, device& dev) {
  environment& env = group.core->env();
  sysfs_tree& sysfs = group.core->sysfs();
  IOMMULAB_CALL(env.trace, "iommu_group_add_device", {"group", group.id}, {"device", dev.name});
  const std::string own_link = absl::StrCat(dev.sysfs_path, "/iommu_group");
  absl::Status status = sysfs.create_link(own_link, group.sysfs_path);
  if (!status.ok()) return -status_errno(status);

  // A device that left without leaving its group still holds the name: the newcomer's link gets an
  // instance number.
  std::string name = dev.name;
  const auto link = [&] { return absl::StrCat(group.sysfs_path, "/devices/", name); };
  for (int i = 0;; ++i) {
    status = sysfs.create_link(link(), dev.sysfs_path);
    if (status.ok()) break;
    if (status_errno(status) != EEXIST) {
      sysfs.remove(own_link).IgnoreError();
      return -status_errno(status);
    }
    name = absl::StrCat(dev.name, ".", i);
  }

  ++group.references;
  dev.group = &group;
  create_direct_mappings(group);
  group.devices.push_back({&dev, name});
  env.trace.tell([&] {
    return events::group_change{events::group_action::join, group.id, dev.name};
  });
  if (group.domain != nullptr) attach_device_unlocked(*group.domain, dev);
  group.notifier.call(iommu_group_notify::add_device, dev);
  IOMMULAB_NOTE(env.trace, "add_device_to_group: IOMMU: groupID=%d device=%s", group.id, dev.name);
  iommu_log(env).info("Adding device %s to group %d", dev.name, group.id);
  return 0;
}

void iommu_group_remove_device(device& dev) {
  environment& env = dev.bus->env;
  IOMMULAB_CALL(env.trace, "iommu_group_remove_device", {"device", dev.name});
  if (dev.group == nullptr) return;  // the kernel would follow the null pointer
  iommu_group& group = *dev.group;
  iommu_log(env).info("Removing device %s from group %d", dev.name, group.id);
  group.notifier.call(iommu_group_notify::del_device, dev);
  const auto at = std::find_if(group.devices.begin(), group.devices.end(),
                               [&dev](const iommu_group::member& m) { return m.dev == &dev; });
  if (at == group.devices.end()) return;
  sysfs_tree& sysfs = group.core->sysfs();
  sysfs.remove(absl::StrCat(group.sysfs_path, "/devices/", at->name)).IgnoreError();
  sysfs.remove(absl::StrCat(dev.sysfs_path, "/iommu_group")).IgnoreError();
  group.devices.erase(at);
  env.trace.tell([&] {
    return events::group_change{events::group_action::leave, group.id, dev.name};
  });
  IOMMULAB_NOTE(env.trace, "remove_device_from_group: IOMMU: groupID=%d device=%s", group.id,
                dev.name);
  dev.group = nullptr;
  put_reference(group);
}

int group_for_each_dev_unlocked(iommu_group& group, absl::FunctionRef<int(device&)> fn) {
  IOMMULAB_CALL(group.core->env().trace, "__iommu_group_for_each_dev");
  for (const iommu_group::member& member : group.devices) {
    const int ret = fn(*member.dev);
    if (ret != 0) return ret;
  }
  return 0;
}

int iommu_group_for_each_dev(iommu_group& group, absl::FunctionRef<int(device&)> fn) {
  IOMMULAB_CALL(group.core->env().trace, "iommu_group_for_each_dev");
  return group_for_each_dev_unlocked(group, fn);
}

iommu_group* iommu_group_get_for_dev(device& dev, int& error) {
  environment& env = dev.bus->env;
  IOMMULAB_CALL(env.trace, "iommu_group_get_for_dev", {"device", dev.name});
  error = 0;
  iommu_group* group = iommu_group_get(dev);
  if (group != nullptr) return group;
  error = -EINVAL;
  const iommu_ops* ops = dev.bus->ops;
  if (ops == nullptr || !ops->device_group) return nullptr;
  group = ops->device_group(dev);
  if (group == nullptr) {
    // -EINVAL for what is no PCI device; for a group that could not be made, where 4.4 follows the
    // null pointer, out of memory.
    error = dev_is_pci(dev) ? -ENOMEM : -EINVAL;
    return nullptr;
  }
  if (group->default_domain == nullptr) {
    group->default_domain = domain_alloc_of_type(*dev.bus, iommu_domain_type::dma);
    group->domain = group->default_domain;
  }
  error = iommu_group_add_device(*group, dev);
  IOMMULAB_RESULT(env.trace, {"group", group->id}, {"error", error});
  if (error != 0) {
    iommu_group_put(group);
    return nullptr;
  }
  return group;
}

}  // namespace iommulab
