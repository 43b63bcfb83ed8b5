// SPDX-License-Identifier: GPL-2.0-only
//
// Units come, devices are probed and leave. Linux v6.12 drivers/iommu/iommu.c.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/dev_printk.h"
#include "core/iommu/iommu_internal.h"
#include "core/iommu/v6_12/group.h"
#include "core/pci/v6_12/pci.h"
#include "core/sysfs.h"

namespace iommulab::v6_12 {

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
int probe_device_locked(iommu_subsystem& iommu, device& dev, group_list* list) {
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
    } else {
      list->add(group);
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
int probe_iommu_group(iommu_subsystem& iommu, device& dev, group_list& list) {
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

}  // namespace

const core_release& core_of_6_12() {
  static const core_release the_release;
  return the_release;
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
  group_list list;
  int ret = each_device(bus, [&](device& dev) { return probe_iommu_group(iommu, dev, list); });
  if (ret != 0) return this_call.result(ret);
  for (iommu_group* group : list.groups()) {
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

}  // namespace iommulab::v6_12
