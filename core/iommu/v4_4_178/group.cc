// SPDX-License-Identifier: GPL-2.0-only
#include "core/iommu/v4_4_178/group.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/iommu/iommu_internal.h"
#include "core/iommu/v4_4/internal.h"
#include "core/sysfs.h"

namespace iommulab::v4_4_178 {
namespace {

/// The device has entered, and leaves again. Its link in the group's directory stays, as the
/// kernel forgets it.
void leave_group(iommu_group& group, device& dev) {
  take_group_member(group, dev);
  dev.group = nullptr;
  group_put_reference(group);
  group.core->sysfs().remove(absl::StrCat(dev.sysfs_path, "/iommu_group")).IgnoreError();
}

}  // namespace

// Linux v4.4.178 drivers/iommu/iommu.c: iommu_group_add_device()
int iommu_group_add_device(iommu_group& group, device& dev) {
  environment& env = group.core->env();
  IOMMULAB_CALL(env.trace, "iommu_group_add_device", {"group", group}, {"dev", dev});
  std::string name;
  int ret = link_group_member(group, dev, name);
  if (ret == 0) {
    v4_4::enter_group(group, dev, std::move(name));
    if (group.domain != nullptr) {
      ret = v4_4::attach_device_unlocked(*v4_4::own_domain(group.domain), dev);
    }
    if (ret != 0) leave_group(group, dev);
  }
  if (ret != 0) {
    iommu_log(env).err("Failed to add device %s to group %d: %d", dev.name, group.id, ret);
    return this_call.result(ret);
  }
  v4_4::announce_member(group, dev);
  return this_call.result(0);
}

// Linux v4.4.178 drivers/iommu/iommu.c: iommu_group_get_for_dev()
iommu_group* iommu_group_get_for_dev(device& dev, int& error) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_group_get_for_dev", {"dev", dev});
  iommu_group* group = v4_4::find_or_join_group(dev, error, [&dev](iommu_group& joined) {
    if (joined.default_domain == nullptr) {
      joined.default_domain = v4_4::domain_alloc_of_type(*dev.bus, iommu_domain_type::dma);
      if (joined.domain == nullptr) joined.domain = joined.default_domain;
    }
    return iommu_group_add_device(joined, dev);
  });
  if (group == nullptr) return this_call.result(nullptr, error);
  return this_call.result(group);
}

}  // namespace iommulab::v4_4_178
