// SPDX-License-Identifier: GPL-2.0-only
//
// Devices join and leave groups. Linux v4.4 drivers/iommu/iommu.c.
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/iommu/iommu_internal.h"
#include "core/iommu/v4_4/internal.h"
#include "core/v4_4/divergence.h"

namespace iommulab::v4_4 {
namespace {

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_create_direct_mappings(). Maps what the firmware
// wants reachable before the device joins a group whose default domain translates. No driver of
// this profile names such regions, nor has default domains.
void create_direct_mappings(iommu_group& group) {
  IOMMULAB_CALL(group.core->env().trace, "iommu_group_create_direct_mappings", {"group", group});
}

}  // namespace

void enter_group(iommu_group& group, device& dev, std::string name) {
  ++group.references;
  dev.group = &group;
  create_direct_mappings(group);
  add_group_member(group, {&dev, std::move(name)});
}

void announce_member(iommu_group& group, device& dev) {
  environment& env = group.core->env();
  group.notifier.call(iommu_group_notify::add_device, dev);
  IOMMULAB_NOTE(env.trace, "add_device_to_group: IOMMU: groupID=%d device=%s", group.id, dev.name);
  iommu_log(env).info("Adding device %s to group %d", dev.name, group.id);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_add_device()
int iommu_group_add_device(iommu_group& group, device& dev) {
  IOMMULAB_CALL(group.core->env().trace, "iommu_group_add_device", {"group", group}, {"dev", dev});
  std::string name;
  if (const int ret = link_group_member(group, dev, name); ret != 0) return this_call.result(ret);
  enter_group(group, dev, std::move(name));
  if (group.domain != nullptr) attach_device_unlocked(*own_domain(group.domain), dev);
  announce_member(group, dev);
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_remove_device()
void iommu_group_remove_device(device& dev) {
  environment& env = dev.bus->env;
  IOMMULAB_CALL(env.trace, "iommu_group_remove_device", {"dev", dev});
  if (dev.group == nullptr) {
    report(env, divergence::group_missing_on_removal, dev.name);
    return;
  }
  iommu_group& group = *dev.group;
  iommu_log(env).info("Removing device %s from group %d", dev.name, group.id);
  group.notifier.call(iommu_group_notify::del_device, dev);
  const std::optional<iommu_group::member> member = take_group_member(group, dev);
  if (!member) return;
  unlink_group_member(group, *member);
  IOMMULAB_NOTE(env.trace, "remove_device_from_group: IOMMU: groupID=%d device=%s", group.id,
                dev.name);
  dev.group = nullptr;
  group_put_reference(group);
}

iommu_group* find_or_join_group(device& dev, int& error,
                                absl::FunctionRef<int(iommu_group&)> join) {
  error = 0;
  iommu_group* group = iommu_group_get(dev);
  if (group != nullptr) return group;
  error = -EINVAL;
  const iommu_ops* ops = dev.bus->ops;
  if (ops == nullptr || !ops->device_group) return nullptr;
  group = ops->device_group(dev);
  if (group == nullptr) {
    if (!dev_is_pci(dev)) return nullptr;
    report(dev.bus->env, divergence::group_cannot_be_made, dev.name);
    error = -ENOMEM;
    return nullptr;
  }
  error = join(*group);
  if (error == 0) return group;
  iommu_group_put(group);
  return nullptr;
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_group_get_for_dev()
iommu_group* iommu_group_get_for_dev(device& dev, int& error) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_group_get_for_dev", {"dev", dev});
  iommu_group* group = find_or_join_group(dev, error, [&dev](iommu_group& joined) {
    // A domain that the group had, of a user of the IOMMU API, is lost to it: 4.4.178 keeps it.
    if (joined.default_domain == nullptr) {
      joined.default_domain = domain_alloc_of_type(*dev.bus, iommu_domain_type::dma);
      joined.domain = joined.default_domain;
    }
    return iommu_group_add_device(joined, dev);
  });
  if (group == nullptr) return this_call.result(nullptr, error);
  return this_call.result(group);
}

}  // namespace iommulab::v4_4
