// SPDX-License-Identifier: GPL-2.0-only
//
// The part of the intel driver that the IOMMU core calls when devices come and go, without any
// hardware: enough to hold groups and call trees against a recording.
#pragma once

#include <cerrno>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/iommu/iommu_sysfs.h"
#include "core/iommu/v4_4/iommu_ops.h"
#include "core/pci/pci.h"
#include "core/sysfs.h"
#include "platform/machine/machine.h"

namespace iommulab {

struct stand_in_system {
  environment env;
  sysfs_tree sysfs;
  iommu_core iommu{env, sysfs};
  bus_type bus{env, sysfs, iommu, "pci"};
  std::unique_ptr<pci_machine> machine;
  std::unique_ptr<pci_core> pci;
  std::unique_ptr<iommu_class_device> unit;
  std::set<std::string> scope;  ///< functions of root buses that the table names
  bool include_all = false;
  v4_4::iommu_ops ops;
  bus_notifier_block scope_follower;

  explicit stand_in_system(const machine_config& config) {
    iommu_init(iommu);
    iommu_dev_init(iommu);
    machine = pci_machine::create(config.pci_roots, config.pci_functions).value();
    pci = std::make_unique<pci_core>(bus, *machine);
    pci->request_acs();
    for (const pci_root& root : machine->roots()) pci->scan_root_bus(root.segment, root.bus);
    // Flags of the first unit: INCLUDE_PCI_ALL is bit 0.
    constexpr size_t first_unit_flags = 48 + 4;
    include_all = (config.dmar_table.at(first_unit_flags) & 1) != 0;
    pci->for_each_pci_dev([this](pci_dev& pdev) {
      if (pci_is_root_bus(*pdev.bus)) scope.insert(pdev.dev.name);
    });
    unit = iommu_device_create(iommu, "dmar0", "intel-iommu", {});
  }

  /// Whether a unit is in charge: device_to_iommu() of a table that names functions of root buses.
  [[nodiscard]] bool has_unit(const device& dev) const {
    if (include_all) return true;
    const pci_dev* at = dev.pci;
    while (!pci_is_root_bus(*at->bus)) at = at->bus->self;
    return scope.contains(at->dev.name);
  }

  int set_iommu() {
    ops.add_device = [this](device& dev) {
      IOMMULAB_CALL(env.trace, "intel_iommu_add_device");
      if (!has_unit(dev)) return -ENODEV;
      iommu_device_link(iommu, unit.get(), dev);
      int error = 0;
      iommu_group* group = v4_4::iommu_group_get_for_dev(dev, error);
      if (group == nullptr) return error;
      iommu_group_put(group);
      return 0;
    };
    ops.remove_device = [this](device& dev) {
      IOMMULAB_CALL(env.trace, "intel_iommu_remove_device");
      if (!has_unit(dev)) return;
      v4_4::iommu_group_remove_device(dev);
      iommu_device_unlink(iommu, unit.get(), dev);
    };
    ops.device_group = pci_device_group;
    ops.domain_alloc = [this](iommu_domain_type) -> v4_4::iommu_domain* {
      IOMMULAB_CALL(env.trace, "intel_iommu_domain_alloc");
      return nullptr;  // no default domains in 4.4
    };
    // A removed function leaves the scope; what is added again does not come back before the
    // core has asked for its unit, and then the chain has ended.
    scope_follower.priority = -1;
    scope_follower.notifier_call = [this](bus_notify action, device& dev) {
      if (action == bus_notify::del_device) scope.erase(dev.name);
      return notify_result::ok;
    };
    bus.notifier.register_block(scope_follower);
    return bus_set_iommu(bus, ops);
  }
};

}  // namespace iommulab
