// SPDX-License-Identifier: GPL-2.0-only
//
// The IOMMU of a bus: devices that are there when it comes, and devices that come and go.
// Linux v4.4 drivers/iommu/iommu.c.
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/iommu/iommu_internal.h"
#include "core/iommu/v4_4/internal.h"

namespace iommulab::v4_4 {
namespace {

// Linux v4.4 drivers/iommu/iommu.c: add_iommu_group()
int add_iommu_group(const iommu_ops& ops, device& dev) {
  environment& env = dev.bus->env;
  IOMMULAB_CALL(env.trace, "add_iommu_group", {"dev", dev});
  if (!ops.add_device) return this_call.result(0);
  if (dev.group != nullptr) {
    env.log.warn_on("add_iommu_group");
  }
  const int ret = ops.add_device(dev);
  // No remapping unit is in charge of the device: not an error.
  return this_call.result(ret == -ENODEV ? 0 : ret);
}

int remove_iommu_group(const iommu_ops& ops, device& dev) {
  if (ops.remove_device && dev.group != nullptr) ops.remove_device(dev);
  return 0;
}

/// What a driver's coming and going is to a group's listeners; add_device for anything else.
iommu_group_notify group_action(bus_notify action) {
  switch (action) {
    case bus_notify::bind_driver:
      return iommu_group_notify::bind_driver;
    case bus_notify::bound_driver:
      return iommu_group_notify::bound_driver;
    case bus_notify::unbind_driver:
      return iommu_group_notify::unbind_driver;
    case bus_notify::unbound_driver:
      return iommu_group_notify::unbound_driver;
    default:
      return iommu_group_notify::add_device;
  }
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_bus_notifier()
notify_result iommu_bus_notifier(bus_notify action, device& dev) {
  tracer& trace = dev.bus->env.trace;
  IOMMULAB_CALL(trace, "iommu_bus_notifier", {"action", action}, {"dev", dev});
  const iommu_ops* ops = dev.bus->ops;
  if (ops == nullptr) return this_call.result(notify_result::done);
  if (action == bus_notify::add_device && ops->add_device) {
    // An errno ends the chain: what comes after does not hear of the device.
    return this_call.result(ops->add_device(dev) < 0 ? notify_result::bad : notify_result::done);
  }
  if (action == bus_notify::removed_device && ops->remove_device && dev.group != nullptr) {
    ops->remove_device(dev);
    return this_call.result(notify_result::done);
  }
  iommu_group* group = iommu_group_get(dev);
  if (group == nullptr) return this_call.result(notify_result::done);
  const iommu_group_notify republished = group_action(action);
  if (republished != iommu_group_notify::add_device) group->notifier.call(republished, dev);
  iommu_group_put(group);
  return this_call.result(notify_result::done);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_bus_init()
int iommu_bus_init(bus_type& bus, const iommu_ops& ops) {
  tracer& trace = bus.env.trace;
  IOMMULAB_CALL(trace, "iommu_bus_init", {"bus", bus});
  auto block = std::make_unique<bus_notifier_block>();
  block->notifier_call = iommu_bus_notifier;
  bus.notifier.register_block(*block);
  const int err = bus_for_each_dev(bus, [&ops](device& dev) { return add_iommu_group(ops, dev); });
  if (err == 0) {
    bus.iommu.bus_blocks.push_back(std::move(block));
    return this_call.result(0);
  }
  bus_for_each_dev(bus, [&ops](device& dev) { return remove_iommu_group(ops, dev); });
  bus.notifier.unregister_block(*block);
  return this_call.result(err);
}

}  // namespace

// Linux v4.4 drivers/iommu/iommu.c: bus_set_iommu()
int bus_set_iommu(bus_type& bus, const iommu_ops& ops) {
  tracer& trace = bus.env.trace;
  IOMMULAB_CALL(trace, "bus_set_iommu", {"bus", bus});
  const bool is_first = bus.ops == nullptr;
  if (!is_first) return this_call.result(-EBUSY);
  // Devices ask the bus for the operations while they join their groups.
  bus.ops = &ops;
  if (const int err = iommu_bus_init(bus, ops); err != 0) {
    bus.ops = nullptr;
    return this_call.result(err);
  }
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_present()
bool iommu_present(const bus_type& bus) {
  tracer& trace = bus.env.trace;
  IOMMULAB_CALL(trace, "iommu_present", {"bus", bus});
  return this_call.result(bus.ops != nullptr);
}

// Linux v4.4 drivers/iommu/iommu.c: iommu_capable()
bool iommu_capable(const bus_type& bus, iommu_cap cap) {
  tracer& trace = bus.env.trace;
  IOMMULAB_CALL(trace, "iommu_capable", {"bus", bus}, {"cap", cap});
  return this_call.result(bus.ops != nullptr && bus.ops->capable && bus.ops->capable(cap));
}

}  // namespace iommulab::v4_4
