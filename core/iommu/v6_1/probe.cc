// SPDX-License-Identifier: GPL-2.0-only
//
// Devices are probed and leave, and each group gets a default domain. Linux v6.1
// drivers/iommu/iommu.c.
#include <cerrno>
#include <optional>
#include <string>

#include "core/dev_printk.h"
#include "core/iommu/iommu_internal.h"
#include "core/iommu/v6_1/group.h"
#include "core/iommu/v6_1/release.h"
#include "core/panic.h"
#include "core/pci/pci.h"

namespace iommulab::v6_1 {

using v6_12::dev_iommu_ops;
using v6_12::iommu_domain;
using v6_12::iommu_ops;
using v6_12::iommu_resv_region;
using v6_12::iommu_subsystem;
using v6_12::own_domain;
using v6_12::state_of;

namespace {

// Linux v6.1 drivers/iommu/iommu.c: iommu_group_add_device(). A group that is in a domain takes the
// device along.
int iommu_group_add_device(iommu_subsystem& iommu, iommu_group& group, device& dev) {
  environment& env = iommu.env();
  IOMMULAB_CALL(env.trace, "iommu_group_add_device", {"group", group}, {"dev", dev});
  slab_token memory(iommu.slab);
  if (!memory) return this_call.result(-ENOMEM);
  std::string name;
  int ret = link_group_member(group, dev, name);
  if (ret == 0) {
    dev.group = &group;
    add_group_member(group, {&dev, name});
    if (group.domain != nullptr && !iommu_is_attach_deferred(dev)) {
      ret = attach_device(*own_domain(group.domain), dev);
    }
    if (ret != 0) {
      take_group_member(group, dev);
      dev.group = nullptr;
      unlink_group_member(group, {&dev, name});
    }
  }
  if (ret != 0) {
    dev_printk(dev, log_level::err, "Failed to add to iommu group %d: %d", group.id, ret);
    return this_call.result(ret);
  }
  memory.keep();
  IOMMULAB_NOTE(env.trace, "add_device_to_group: groupID=%d device=%s", group.id, dev.name);
  dev_printk(dev, log_level::info, "Adding to iommu group %d", group.id);
  return this_call.result(0);
}

/// iommu_group_get_for_dev(): the device joins the group that it belongs to.
int join_group(iommu_subsystem& iommu, device& dev) {
  if (dev.group != nullptr) return 0;
  int error = 0;
  iommu_group* group = dev_iommu_ops(dev).device_group(dev, error);
  if (group == nullptr) {
    if (error != 0) return error;
    iommu.env().log.warn_on("iommu_group_get_for_dev");
    return -EINVAL;
  }
  error = iommu_group_add_device(iommu, *group, dev);
  if (error != 0) group_put_reference(*group);
  return error;
}

// Linux v6.1 drivers/iommu/iommu.c: __iommu_probe_device(). With a list, a group without a default
// domain is entered there.
int probe_one(iommu_subsystem& iommu, device& dev, v6_12::group_list* list) {
  IOMMULAB_CALL(iommu.env().trace, "__iommu_probe_device", {"dev", dev});
  iommu_ops* ops = v6_12::any_ops(iommu);
  if (ops == nullptr) return this_call.result(-ENODEV);
  if (dev.iommu == nullptr) dev.iommu = kernel_new<v6_12::dev_iommu>(iommu.slab).release();
  if (dev.iommu == nullptr) return this_call.result(-ENOMEM);
  int ret = 0;
  v6_12::iommu_device* unit = ops->probe_device(dev, ret);
  if (unit == nullptr) {
    v6_12::dev_iommu_free(iommu, dev);
    return this_call.result(ret);
  }
  dev.iommu->iommu_dev = unit;
  ret = join_group(iommu, dev);
  if (ret != 0) {
    ops->release_device(dev);
    v6_12::dev_iommu_free(iommu, dev);
    return this_call.result(ret);
  }
  iommu_group* group = dev.group;
  if (list != nullptr && group->default_domain == nullptr) list->add(*group);
  iommu_device_link(iommu.core, unit->dev.get(), dev);
  return this_call.result(0);
}

// Linux v6.1 drivers/iommu/iommu.c: probe_iommu_group()
int probe_iommu_group(iommu_subsystem& iommu, device& dev, v6_12::group_list& list) {
  IOMMULAB_CALL(iommu.env().trace, "probe_iommu_group", {"dev", dev});
  if (dev.group != nullptr) return this_call.result(0);
  const int ret = probe_one(iommu, dev, &list);
  // No remapping unit is in charge of the device: not an error.
  return this_call.result(ret == -ENODEV ? 0 : ret);
}

/// probe_get_default_domain_type(): the type that a group's devices ask for. Where two of them
/// contradict each other it is the system's, whatever a third one asks for.
iommu_domain_type type_asked_for(const iommu_group& group) {
  constexpr iommu_domain_type any = iommu_domain_type::blocked;
  iommu_domain_type type = any;
  const device* first = nullptr;
  for (const iommu_group::member& member : group.devices) {
    const iommu_domain_type wanted = iommu_get_def_domain_type(*member.dev);
    if (wanted == any) continue;
    if (type != any && type != wanted) {
      dev_printk(*member.dev, log_level::warning,
                 "Device needs domain type %s, but device %s in the same iommu group requires type "
                 "%s - using default",
                 v6_12::iommu_domain_type_str(wanted), first->name,
                 v6_12::iommu_domain_type_str(type));
      type = any;
    }
    if (first == nullptr) {
      first = member.dev;
      type = wanted;
    }
  }
  return type;
}

/// The type, or the system's where that says nothing.
iommu_domain_type or_default(const iommu_subsystem& iommu, iommu_domain_type type) {
  return type == iommu_domain_type::blocked ? iommu.defaults.def_domain_type : type;
}

/// probe_alloc_default_domain(), iommu_group_create_direct_mappings(), __iommu_group_dma_attach()
int set_up_group(iommu_subsystem& iommu, iommu_group& group) {
  if (group.default_domain == nullptr) {
    iommu_group_alloc_default_domain(iommu, group, or_default(iommu, type_asked_for(group)));
  }
  if (group.default_domain == nullptr) return 0;
  for (const iommu_group::member& member : group.devices) {
    iommu_create_device_direct_mappings(iommu, group, *member.dev);
  }
  for (const iommu_group::member& member : group.devices) {
    if (iommu_is_attach_deferred(*member.dev)) continue;
    const int ret = attach_device(*own_domain(group.default_domain), *member.dev);
    if (ret != 0) return ret;
  }
  for (const iommu_group::member& member : group.devices) {
    dev_iommu_ops(*member.dev).probe_finalize(*member.dev);
  }
  return 0;
}

}  // namespace

const v6_12::core_release& core_of_6_1() {
  static const core_release the_release;
  return the_release;
}

std::string_view core_release::policy_origin(bool by_command_line) const {
  return by_command_line ? " (set via kernel command line)" : " ";
}

iommu_domain_type iommu_get_def_domain_type(device& dev) {
  if (dev_is_pci(dev) && dev.pci->untrusted) return iommu_domain_type::dma;
  return dev_iommu_ops(dev).def_domain_type(dev);
}

// Linux v6.1 drivers/iommu/iommu.c: iommu_group_alloc_default_domain()
int iommu_group_alloc_default_domain(iommu_subsystem& iommu, iommu_group& group,
                                     iommu_domain_type type) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_group_alloc_default_domain", {"group", group},
                {"type", name(type)});
  int error = 0;
  iommu_domain* domain = iommu_group_domain_alloc(iommu, group, type, error);
  if (domain == nullptr && type != iommu_domain_type::dma) {
    domain = iommu_group_domain_alloc(iommu, group, iommu_domain_type::dma, error);
    if (domain != nullptr) {
      iommu_log(iommu.env())
          .warn(
              "Failed to allocate default IOMMU domain of type %u for group %s - Falling back to "
              "IOMMU_DOMAIN_DMA",
              static_cast<uint32_t>(type), "(null)");
    }
  }
  if (domain == nullptr) return this_call.result(-ENOMEM);
  group.default_domain = domain;
  if (group.domain == nullptr) group.domain = domain;
  return this_call.result(0);
}

// Linux v6.1 drivers/iommu/iommu.c: iommu_create_device_direct_mappings()
int iommu_create_device_direct_mappings(iommu_subsystem& iommu, iommu_group& group, device& dev) {
  iommu_domain* domain = own_domain(group.default_domain);
  IOMMULAB_CALL(iommu.env().trace, "iommu_create_device_direct_mappings", {"group", group},
                {"dev", dev});
  if (domain == nullptr || !iommu_is_dma_domain(*domain)) return this_call.result(0);
  bug_on(domain->pgsize_bitmap == 0, "iommu_create_device_direct_mappings: no page size");
  std::vector<iommu_resv_region> regions;
  dev_iommu_ops(dev).get_resv_regions(dev, regions);
  const int ret = v6_12::map_direct_regions(*domain, regions);
  if (ret == 0) domain->ops->flush_iotlb_all(*domain);
  return this_call.result(ret);
}

// Linux v6.1 drivers/iommu/iommu.c: bus_iommu_probe()
int core_release::bus_iommu_probe(iommu_subsystem& iommu, bus_type& bus) const {
  IOMMULAB_CALL(iommu.env().trace, "bus_iommu_probe", {"bus", bus});
  v6_12::group_list list;
  int ret =
      v6_12::each_device(bus, [&](device& dev) { return probe_iommu_group(iommu, dev, list); });
  if (ret != 0) return this_call.result(ret);
  for (iommu_group* group : list.groups()) {
    ret = set_up_group(iommu, *group);
    if (ret != 0) break;
  }
  return this_call.result(ret);
}

int core_release::probe_device(iommu_subsystem& iommu, device& dev) const {
  int ret = probe_one(iommu, dev, nullptr);
  if (ret != 0) return ret;
  iommu_group& group = *dev.group;
  // A group without a default domain stays one: what comes of this is not looked at.
  if (group.default_domain == nullptr) {
    iommu_group_alloc_default_domain(iommu, group,
                                     or_default(iommu, iommu_get_def_domain_type(dev)));
  }
  if (group.default_domain != nullptr && state_of(group).owner == nullptr) {
    ret = attach_device(*own_domain(group.default_domain), dev);
    if (ret != 0) {
      release_device(iommu, dev);
      return ret;
    }
  }
  iommu_create_device_direct_mappings(iommu, group, dev);
  dev_iommu_ops(dev).probe_finalize(dev);
  return 0;
}

void core_release::release_device(iommu_subsystem& iommu, device& dev) const {
  if (dev.iommu == nullptr) return;
  iommu_device_unlink(iommu.core, dev.iommu->iommu_dev->dev.get(), dev);
  dev_iommu_ops(dev).release_device(dev);
  if (dev.group != nullptr) v6_12::iommu_group_remove_device(dev);
  v6_12::dev_iommu_free(iommu, dev);
  if (iommu.dma != nullptr) iommu.dma->device_released(dev);
}

void core_release::remove_from_group(iommu_subsystem& iommu, device& dev) const {
  iommu_group& group = *dev.group;
  const std::optional<iommu_group::member> member = take_group_member(group, dev);
  if (!member) return;
  unlink_group_member(group, *member);
  IOMMULAB_NOTE(iommu.env().trace, "remove_device_from_group: groupID=%d device=%s", group.id,
                dev.name);
  iommu.slab.freed();
  dev.group = nullptr;
  // The domains go with the group's last reference, which somebody else may hold.
  group_put_reference(group);
}

}  // namespace iommulab::v6_1
