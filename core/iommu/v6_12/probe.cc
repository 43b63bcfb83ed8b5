// SPDX-License-Identifier: GPL-2.0-only
//
// Units come, devices are probed and leave, and each group gets a default domain. Linux v6.12
// drivers/iommu/iommu.c.
#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/iommu/iommu_internal.h"
#include "core/iommu/v6_12/group.h"
#include "core/iommu/v6_12/strtobool.h"
#include "core/pci/v6_12/pci.h"
#include "core/sysfs.h"

namespace iommulab::v6_12 {

std::string_view iommu_domain_type_str(iommu_domain_type type) {
  switch (type) {
    case iommu_domain_type::blocked:
      return "Blocked";
    case iommu_domain_type::identity:
      return "Passthrough";
    case iommu_domain_type::unmanaged:
      return "Unmanaged";
    case iommu_domain_type::dma:
    case iommu_domain_type::dma_fq:
      return "Translated";
  }
  return "Unknown";
}

// Linux v6.12 drivers/iommu/iommu.c: dev_iommu_free()
void dev_iommu_free(iommu_subsystem& iommu, device& dev) {
  IOMMULAB_CALL(iommu.env().trace, "dev_iommu_free", {"dev", dev});
  kernel_delete(iommu.slab, std::exchange(dev.iommu, nullptr));
}

iommu_ops* any_ops(const iommu_subsystem& iommu) {
  return iommu.iommu_device_list.empty() ? nullptr : iommu.iommu_device_list.front()->ops;
}

// Linux v6.12 drivers/base/bus.c: bus_for_each_dev()
int each_device(bus_type& bus, absl::FunctionRef<int(device&)> fn) {
  IOMMULAB_CALL(bus.env.trace, "bus_for_each_dev", {"bus", bus});
  return this_call.result(bus_for_each_dev(bus, fn));
}

namespace {

uint32_t dev_iommu_get_max_pasids(const device& dev) {
  uint32_t max_pasids = 0;
  if (dev_is_pci(dev)) {
    if (const int found = pci_max_pasids(*dev.pci); found > 0) {
      max_pasids = static_cast<uint32_t>(found);
    }
  }
  return std::min(max_pasids, dev.iommu->iommu_dev->max_pasids);
}

/// iommu_init_device(): the device has a unit and a group, of which the caller has a reference.
int init_device(iommu_subsystem& iommu, device& dev, iommu_ops& ops) {
  if (dev.iommu == nullptr) dev.iommu = kernel_new<dev_iommu>(iommu.slab).release();
  if (dev.iommu == nullptr) return -ENOMEM;
  const auto give_up = [&](int ret) {
    dev.iommu->iommu_dev = nullptr;
    dev_iommu_free(iommu, dev);
    return ret;
  };
  int error = 0;
  iommu_device* unit = ops.probe_device(dev, error);
  if (unit == nullptr) return give_up(error);
  dev.iommu->iommu_dev = unit;

  error = iommu_device_link(iommu.core, unit->dev.get(), dev);
  if (error != 0) {
    ops.release_device(dev);
    return give_up(error);
  }
  iommu_group* group = ops.device_group(dev, error);
  if (group == nullptr) {
    if (error == 0) {
      iommu.env().log.warn_on("iommu_init_device");
      error = -EINVAL;
    }
    iommu_device_unlink(iommu.core, unit->dev.get(), dev);
    ops.release_device(dev);
    return give_up(error);
  }
  dev.group = group;
  dev.iommu->max_pasids = dev_iommu_get_max_pasids(dev);
  dev.iommu->attach_deferred = ops.is_attach_deferred(dev);
  return 0;
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_deinit_device(). The caller puts the group.
void iommu_deinit_device(iommu_subsystem& iommu, device& dev) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_deinit_device", {"dev", dev});
  iommu_group& group = *dev.group;
  iommu_ops& ops = dev_iommu_ops(dev);
  iommu_device_unlink(iommu.core, dev.iommu->iommu_dev->dev.get(), dev);
  if (!dev.iommu->attach_deferred && ops.release_domain != nullptr) {
    ops.release_domain->ops->attach_dev(*ops.release_domain, dev);
  }
  ops.release_device(dev);
  if (group.devices.empty()) {
    if (group.default_domain != nullptr) iommu_domain_free(*own_domain(group.default_domain));
    group.default_domain = nullptr;
    iommu_domain*& blocking = state_of(group).blocking_domain;
    if (blocking != nullptr) iommu_domain_free(*blocking);
    blocking = nullptr;
    group.domain = nullptr;
  }
  dev.group = nullptr;
  dev_iommu_free(iommu, dev);
  if (iommu.dma != nullptr) iommu.dma->device_released(dev);
}

// Linux v6.12 drivers/iommu/iommu.c: __iommu_probe_device(). With a list the group's default domain
// is left to the caller, once all of the group's devices are there.
int probe_device_locked(iommu_subsystem& iommu, device& dev, std::vector<iommu_group*>* list) {
  tracer& trace = iommu.env().trace;
  IOMMULAB_CALL(trace, "__iommu_probe_device", {"dev", dev});
  iommu_ops* ops = any_ops(iommu);
  if (ops == nullptr) return this_call.result(-ENODEV);
  if (dev.group != nullptr) return this_call.result(0);
  int ret = init_device(iommu, dev, *ops);
  if (ret != 0) return this_call.result(ret);

  iommu_group& group = *dev.group;
  const auto give_up = [&](int error) {
    iommu_deinit_device(iommu, dev);
    group_put_reference(group);
    return error;
  };
  iommu_group::member member;
  ret = iommu_group_alloc_device(iommu, group, dev, member);
  if (ret != 0) return this_call.result(give_up(ret));
  add_group_member(group, member);

  if (group.default_domain != nullptr) {
    iommu_create_device_direct_mappings(iommu, *own_domain(group.default_domain), dev);
  }
  if (group.domain != nullptr) {
    ret = iommu_device_set_domain(group, dev, *own_domain(group.domain), set_domain_flags::none);
  } else if (group.default_domain == nullptr) {
    if (list == nullptr) {
      ret = iommu_setup_default_domain(iommu, group, iommu_domain_type::blocked);
    } else if (std::find(list->begin(), list->end(), &group) == list->end()) {
      list->push_back(&group);
    }
  }
  if (ret != 0) {
    take_group_member(group, dev);
    iommu_group_free_device(iommu, group, member);
    return this_call.result(give_up(ret));
  }
  if (group.default_domain != nullptr && iommu.dma != nullptr) iommu.dma->setup_dma_ops(dev);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommu.c: remove_iommu_group()
int remove_iommu_group(iommu_subsystem& iommu, device& dev, const iommu_device& unit) {
  IOMMULAB_CALL(iommu.env().trace, "remove_iommu_group", {"dev", dev});
  if (dev.iommu != nullptr && dev.iommu->iommu_dev == &unit) {
    iommu.release.release_device(iommu, dev);
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommu.c: probe_iommu_group()
int probe_iommu_group(iommu_subsystem& iommu, device& dev, std::vector<iommu_group*>& list) {
  IOMMULAB_CALL(iommu.env().trace, "probe_iommu_group", {"dev", dev});
  const int ret = probe_device_locked(iommu, dev, &list);
  // No remapping unit is in charge of the device: not an error.
  return this_call.result(ret == -ENODEV ? 0 : ret);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_bus_notifier()
notify_result iommu_bus_notifier(iommu_subsystem& iommu, bus_notify action, device& dev) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_bus_notifier", {"action", action}, {"dev", dev});
  if (action == bus_notify::add_device) {
    return this_call.result(iommu_probe_device(iommu, dev) != 0 ? notify_result::done
                                                                : notify_result::ok);
  }
  if (action == bus_notify::removed_device) {
    iommu.release.release_device(iommu, dev);
    return this_call.result(notify_result::ok);
  }
  return this_call.result(notify_result::done);
}

/// iommu_get_def_domain_type(): what the driver wants for a device joins what it wanted for those
/// before it; pass-through wins where it contradicts itself.
iommu_domain_type driver_type_with(const iommu_group& group, device& dev,
                                   iommu_domain_type current) {
  iommu_ops& ops = dev_iommu_ops(dev);
  const iommu_domain_type type =
      ops.default_domain != nullptr ? ops.default_domain->type : ops.def_domain_type(dev);
  if (type == iommu_domain_type::blocked || type == current) return current;
  if (current == iommu_domain_type::blocked) return type;
  dev_printk(dev, log_level::err,
             "IOMMU driver error, requesting conflicting def_domain_type, %s and %s, for devices "
             "in group %u.",
             iommu_domain_type_str(current), iommu_domain_type_str(type), group.id);
  return type == iommu_domain_type::identity ? type : current;
}

/// iommu_get_default_domain_type(): the type for the group; blocked for the system's default.
/// Nothing when driver, trust and `target` contradict each other.
std::optional<iommu_domain_type> default_domain_type(const iommu_group& group,
                                                     iommu_domain_type target) {
  constexpr iommu_domain_type any = iommu_domain_type::blocked;
  device* untrusted = nullptr;
  iommu_domain_type type = any;
  for (const iommu_group::member& member : group.devices) {
    type = driver_type_with(group, *member.dev, type);
    if (dev_is_pci(*member.dev) && member.dev->pci->untrusted) untrusted = member.dev;
  }
  if (untrusted != nullptr) {
    if (type != any && type != iommu_domain_type::dma) {
      dev_printk(*untrusted, log_level::err,
                 "Device is not trusted, but driver is overriding group %u to %s, refusing to "
                 "probe.",
                 group.id, iommu_domain_type_str(type));
      return std::nullopt;
    }
    type = iommu_domain_type::dma;
  }
  if (target == any) return type;
  if (type != any && target != type) return std::nullopt;
  return target;
}

/// __iommu_group_alloc_default_domain()
iommu_domain* default_domain_of_type(iommu_subsystem& iommu, iommu_group& group,
                                     iommu_domain_type type, int& error) {
  error = 0;
  if (group.default_domain != nullptr && group.default_domain->type == type) {
    return own_domain(group.default_domain);
  }
  return iommu_group_domain_alloc(iommu, group, type, error);
}

/// iommu_group_alloc_default_domain(): blocked stands for the system's default type, or one that
/// the driver can make.
iommu_domain* alloc_default_domain(iommu_subsystem& iommu, iommu_group& group,
                                   iommu_domain_type type, int& error) {
  if (iommu_domain* const given = dev_iommu_ops(*group.devices.front().dev).default_domain;
      given != nullptr) {
    error = type == given->type ? 0 : -EINVAL;
    return error == 0 ? given : nullptr;
  }
  if (type != iommu_domain_type::blocked) {
    return default_domain_of_type(iommu, group, type, error);
  }
  const iommu_domain_type preferred = iommu.defaults.def_domain_type;
  iommu_domain* domain = default_domain_of_type(iommu, group, preferred, error);
  if (domain != nullptr) return domain;
  if (preferred == iommu_domain_type::dma) {
    error = -EINVAL;
    return nullptr;
  }
  domain = default_domain_of_type(iommu, group, iommu_domain_type::dma, error);
  if (domain == nullptr) return nullptr;
  iommu_log(iommu.env())
      .warn(
          "Failed to allocate default IOMMU domain of type %u for group %s - Falling back to "
          "IOMMU_DOMAIN_DMA",
          static_cast<uint32_t>(preferred), "(null)");
  return domain;
}

}  // namespace

const core_release& core_of_6_12() {
  static const core_release the_release;
  return the_release;
}

std::string_view core_release::policy_origin(bool by_command_line) const {
  return by_command_line ? " (set via kernel command line)" : "";
}

// Linux v6.12 drivers/iommu/iommu.c: __iommu_group_remove_device()
void core_release::remove_from_group(iommu_subsystem& iommu, device& dev) const {
  environment& env = iommu.env();
  IOMMULAB_CALL(env.trace, "__iommu_group_remove_device", {"dev", dev});
  iommu_group& group = *dev.group;
  if (const auto member = take_group_member(group, dev); member.has_value()) {
    iommu_group_free_device(iommu, group, *member);
    if (dev_has_iommu(dev)) {
      iommu_deinit_device(iommu, dev);
    } else {
      dev.group = nullptr;
    }
  }
  group_put_reference(group);
}

void core_release::release_device(iommu_subsystem& iommu, device& dev) const {
  if (dev.group != nullptr) remove_from_group(iommu, dev);
  if (dev.iommu != nullptr) dev_iommu_free(iommu, dev);
}

// Linux v6.12 drivers/iommu/iommu.c: bus_iommu_probe()
int core_release::bus_iommu_probe(iommu_subsystem& iommu, bus_type& bus) const {
  IOMMULAB_CALL(iommu.env().trace, "bus_iommu_probe", {"bus", bus});
  std::vector<iommu_group*> list;
  int ret = each_device(bus, [&](device& dev) { return probe_iommu_group(iommu, dev, list); });
  if (ret != 0) return this_call.result(ret);
  for (iommu_group* group : list) {
    ret = iommu_setup_default_domain(iommu, *group, iommu_domain_type::blocked);
    if (ret != 0) return this_call.result(ret);
    for (const iommu_group::member& member : group->devices) {
      if (iommu.dma != nullptr) iommu.dma->setup_dma_ops(*member.dev);
    }
    for (const iommu_group::member& member : group->devices) {
      dev_iommu_ops(*member.dev).probe_finalize(*member.dev);
    }
  }
  return this_call.result(0);
}

int core_release::probe_device(iommu_subsystem& iommu, device& dev) const {
  const int ret = probe_device_locked(iommu, dev, nullptr);
  if (ret == 0) dev_iommu_ops(dev).probe_finalize(dev);
  return ret;
}

iommu_subsystem::iommu_subsystem(iommu_core& core_, bus_type& bus, slab_failures* slab_,
                                 const core_release& release_)
    : release(release_), core(core_), buses{&bus}, slab(slab_ == nullptr ? own_slab_ : *slab_) {
  core.subsystem = this;
}

iommu_subsystem::~iommu_subsystem() {
  for (size_t i = 0; i < notifiers_.size(); ++i) {
    notified_[i]->notifier.unregister_block(*notifiers_[i]);
  }
  for (bus_type* bus : buses) {
    for (device* dev : bus->devices) {
      if (dev->iommu == nullptr) continue;
      kernel_delete(slab, std::exchange(dev->iommu, nullptr));
      if (dev->group != nullptr) slab.freed();  // the member
    }
  }
  // Their files and memory refer to this.
  for (const auto& group : core.groups()) {
    core.sysfs().remove(group->sysfs_path).IgnoreError();
    group->state.reset();
  }
  core.subsystem = nullptr;
}

void add_iommu_early_params(command_line& line, iommu_defaults& defaults) {
  // Linux v6.12 drivers/iommu/iommu.c: iommu_set_def_domain_type()
  line.early_param("iommu.passthrough", [&defaults](std::optional<std::string_view> value) {
    const std::optional<bool> passthrough = strtobool(value);
    if (!passthrough) return -EINVAL;
    defaults.cmd_line_dma_api = true;
    defaults.def_domain_type = *passthrough ? iommu_domain_type::identity : iommu_domain_type::dma;
    return 0;
  });
  // Linux v6.12 drivers/iommu/iommu.c: iommu_dma_setup()
  line.early_param("iommu.strict", [&defaults](std::optional<std::string_view> value) {
    const std::optional<bool> strict = strtobool(value);
    if (!strict) return -EINVAL;
    defaults.dma_strict = *strict;
    defaults.cmd_line_strict = true;
    return 0;
  });
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_init()
int iommu_init(iommu_subsystem& iommu) {
  iommulab::iommu_init(iommu.core);
  return 0;
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_subsys_init()
int iommu_subsys_init(iommu_subsystem& iommu) {
  environment& env = iommu.env();
  IOMMULAB_CALL(env.trace, "iommu_subsys_init");
  iommu_defaults& defaults = iommu.defaults;
  // CONFIG_IOMMU_DEFAULT_PASSTHROUGH=n
  if (!defaults.cmd_line_dma_api) defaults.def_domain_type = iommu_domain_type::dma;
  const bool passthrough = defaults.def_domain_type == iommu_domain_type::identity;
  if (!passthrough && !defaults.dma_strict) defaults.def_domain_type = iommu_domain_type::dma_fq;

  const core_release& release = iommu.release;
  iommu_log(env).info("Default domain type: %s%s", iommu_domain_type_str(defaults.def_domain_type),
                      release.policy_origin(defaults.cmd_line_dma_api));
  if (!passthrough) {
    iommu_log(env).info("DMA domain TLB invalidation policy: %s mode%s",
                        defaults.dma_strict ? "strict" : "lazy",
                        release.policy_origin(defaults.cmd_line_strict));
  }

  if (!slab_token(iommu.slab)) return this_call.result(-ENOMEM);
  for (bus_type* bus : iommu.buses) {
    auto block = std::make_unique<bus_notifier_block>();
    block->notifier_call = [&iommu](bus_notify action, device& dev) {
      return iommu_bus_notifier(iommu, action, dev);
    };
    bus->notifier.register_block(*block);
    iommu.notifiers_.push_back(std::move(block));
    iommu.notified_.push_back(bus);
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_device_register()
int iommu_device_register(iommu_subsystem& iommu, iommu_device& unit, iommu_ops& ops) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_device_register", {"iommu", unit.dev});
  unit.ops = &ops;
  iommu.iommu_device_list.push_back(&unit);
  int ret = 0;
  for (bus_type* bus : iommu.buses) {
    ret = iommu.release.bus_iommu_probe(iommu, *bus);
    if (ret != 0) break;
  }
  if (ret != 0) {
    iommu_device_unregister(iommu, unit);
    return this_call.result(ret);
  }
  unit.ready = true;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_device_unregister()
void iommu_device_unregister(iommu_subsystem& iommu, iommu_device& unit) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_device_unregister", {"iommu", unit.dev});
  for (bus_type* bus : iommu.buses) {
    each_device(*bus, [&](device& dev) { return remove_iommu_group(iommu, dev, unit); });
  }
  std::erase(iommu.iommu_device_list, &unit);
  unit.ready = false;
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_device_register_bus()
int iommu_device_register_bus(iommu_subsystem& iommu, iommu_device& unit, iommu_ops& ops,
                              bus_type& bus, bus_notifier_block& nb) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_device_register_bus", {"iommu", unit.dev}, {"bus", bus});
  unit.ops = &ops;
  nb.notifier_call = [&iommu](bus_notify action, device& dev) {
    return iommu_bus_notifier(iommu, action, dev);
  };
  bus.notifier.register_block(nb);
  iommu.iommu_device_list.push_back(&unit);
  const int ret = iommu.release.bus_iommu_probe(iommu, bus);
  if (ret != 0) iommu_device_unregister_bus(iommu, unit, bus, nb);
  return this_call.result(ret);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_device_unregister_bus()
void iommu_device_unregister_bus(iommu_subsystem& iommu, iommu_device& unit, bus_type& bus,
                                 const bus_notifier_block& nb) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_device_unregister_bus", {"iommu", unit.dev},
                {"bus", bus});
  bus.notifier.unregister_block(nb);
  iommu_device_unregister(iommu, unit);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_probe_device()
int iommu_probe_device(iommu_subsystem& iommu, device& dev) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_probe_device", {"dev", dev});
  return this_call.result(iommu.release.probe_device(iommu, dev));
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_group_remove_device()
void iommu_group_remove_device(device& dev) {
  IOMMULAB_CALL(dev.bus->env.trace, "iommu_group_remove_device", {"dev", dev});
  if (dev.group == nullptr) return;
  dev_printk(dev, log_level::info, "Removing from iommu group %d", dev.group->id);
  iommu_subsystem& iommu = *dev.bus->iommu.subsystem;
  iommu.release.remove_from_group(iommu, dev);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_set_dma_strict()
void iommu_set_dma_strict(iommu_subsystem& iommu) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_set_dma_strict");
  iommu.defaults.dma_strict = true;
  if (iommu.defaults.def_domain_type == iommu_domain_type::dma_fq) {
    iommu.defaults.def_domain_type = iommu_domain_type::dma;
  }
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_set_default_passthrough()
void iommu_set_default_passthrough(iommu_subsystem& iommu, bool cmd_line) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_set_default_passthrough", {"cmd_line", cmd_line});
  if (cmd_line) iommu.defaults.cmd_line_dma_api = true;
  iommu.defaults.def_domain_type = iommu_domain_type::identity;
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_set_default_translated()
void iommu_set_default_translated(iommu_subsystem& iommu, bool cmd_line) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_set_default_translated", {"cmd_line", cmd_line});
  if (cmd_line) iommu.defaults.cmd_line_dma_api = true;
  iommu.defaults.def_domain_type = iommu_domain_type::dma;
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_default_passthrough()
bool iommu_default_passthrough(const iommu_subsystem& iommu) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_default_passthrough");
  return this_call.result(iommu.defaults.def_domain_type == iommu_domain_type::identity);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_present()
bool iommu_present(const iommu_subsystem& iommu, const bus_type& bus) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_present", {"bus", bus});
  const bool known = std::find(iommu.buses.begin(), iommu.buses.end(), &bus) != iommu.buses.end();
  return this_call.result(known && !iommu.iommu_device_list.empty());
}

// Linux v6.12 drivers/iommu/iommu.c: device_iommu_capable()
bool device_iommu_capable(device& dev, iommu_cap cap) {
  IOMMULAB_CALL(dev.bus->env.trace, "device_iommu_capable", {"dev", dev}, {"cap", cap});
  return this_call.result(dev_has_iommu(dev) && dev_iommu_ops(dev).capable(dev, cap));
}

// Linux v6.12 drivers/iommu/iommu.c: dev_iommu_priv_set()
void dev_iommu_priv_set(device& dev, void* priv) {
  IOMMULAB_CALL(dev.bus->env.trace, "dev_iommu_priv_set", {"dev", dev});
  dev.iommu->priv = priv;
}

// Linux v6.12 drivers/iommu/iommu-sysfs.c: iommu_device_sysfs_add()
int iommu_device_sysfs_add(iommu_core& core, iommu_device& unit, std::string_view name,
                           std::string_view group_name,
                           const std::vector<iommu_attribute>& attributes) {
  IOMMULAB_CALL(core.env().trace, "iommu_device_sysfs_add", {"name", name});
  unit.dev = iommu_class_device::create(core, name, group_name, attributes);
  return this_call.result(unit.dev == nullptr ? -EEXIST : 0);
}

// Linux v6.12 drivers/iommu/iommu-sysfs.c: iommu_device_sysfs_remove()
void iommu_device_sysfs_remove(iommu_core& core, iommu_device& unit) {
  IOMMULAB_CALL(core.env().trace, "iommu_device_sysfs_remove", {"iommu", unit.dev});
  unit.dev.reset();
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_setup_default_domain()
int iommu_setup_default_domain(iommu_subsystem& iommu, iommu_group& group,
                               iommu_domain_type target_type) {
  environment& env = iommu.env();
  IOMMULAB_CALL(env.trace, "iommu_setup_default_domain", {"group", group},
                {"target_type", iommulab::name(target_type)});
  const std::optional<iommu_domain_type> type = default_domain_type(group, target_type);
  if (!type) return this_call.result(-EINVAL);
  int ret = 0;
  iommu_domain* domain = alloc_default_domain(iommu, group, *type, ret);
  if (domain == nullptr) return this_call.result(ret);
  if (group.default_domain == domain) return this_call.result(0);
  iommu_domain* old = own_domain(group.default_domain);

  // Before the device is attached, so that what the firmware set up goes on undisturbed.
  bool direct_failed = false;
  for (const iommu_group::member& member : group.devices) {
    if (iommu_create_device_direct_mappings(iommu, *domain, *member.dev) == 0) continue;
    direct_failed = true;
    if (std::exchange(iommu.warned_of_direct_mapping, true)) continue;
    const auto& unit = member.dev->iommu->iommu_dev->dev;
    const std::string path = unit == nullptr ? "" : unit->sysfs_path();
    env.log.print(log_level::warning,
                  absl::StrFormat("iommu %s: IOMMU driver was not able to establish FW requested "
                                  "direct mapping.",
                                  path.substr(path.rfind('/') + 1)));
  }

  group.default_domain = domain;
  const bool is_first = group.domain == nullptr;
  ret = iommu_group_set_domain_internal(
      group, domain, is_first ? set_domain_flags::must_succeed : set_domain_flags::none);
  const auto restore_default_domain = [&] {
    if (old == nullptr) return;
    iommu_domain_free(*domain);
    group.default_domain = old;
  };
  if (is_first) {
    if (ret != 0) env.log.warn_on("iommu_setup_default_domain");
  } else if (ret != 0) {
    restore_default_domain();
    return this_call.result(ret);
  }
  // A driver that maps only into attached domains gets another try.
  if (direct_failed && ret == 0) {
    for (const iommu_group::member& member : group.devices) {
      ret = iommu_create_device_direct_mappings(iommu, *domain, *member.dev);
      if (ret == 0) continue;
      if (old != nullptr) {
        iommu_group_set_domain_internal(group, old, set_domain_flags::must_succeed);
      }
      restore_default_domain();
      return this_call.result(ret);
    }
  }
  if (old != nullptr) iommu_domain_free(*old);
  return this_call.result(ret);
}

}  // namespace iommulab::v6_12
