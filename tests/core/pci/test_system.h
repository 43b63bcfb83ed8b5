// SPDX-License-Identifier: GPL-2.0-only
//
// A bus of functions put together by hand, scanned, with what the tests ask about it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/iommu/iommu.h"
#include "core/pci/pci.h"
#include "core/sysfs.h"
#include "platform/pci/function_builder.h"
#include "platform/pci/pci_machine.h"

namespace iommulab {

inline source_id at(uint8_t bus, unsigned device, unsigned function = 0) {
  return {0, bus, pci_devfn(device, function)};
}

inline function_builder endpoint(source_id id, uint16_t vendor = 0x1234, uint16_t device = 1) {
  return function_builder(id, vendor, device, 0xff0000);
}

inline function_builder bridge(source_id id, uint8_t secondary, uint8_t subordinate,
                               uint16_t vendor = 0x1234, uint16_t device = 2) {
  function_builder b(id, vendor, device, 0x060400);
  b.bridge(id.bus, secondary, subordinate);
  return b;
}

struct test_system {
  environment env;
  sysfs_tree sysfs;
  iommu_core iommu{env, sysfs};
  bus_type bus{env, sysfs, iommu, "pci"};
  std::unique_ptr<pci_machine> machine;
  std::unique_ptr<pci_core> pci;

  explicit test_system(const std::vector<pci_function_config>& functions, bool acs = true) {
    iommu_init(iommu);
    machine = pci_machine::create({{0, 0}}, functions).value();
    pci = std::make_unique<pci_core>(bus, *machine);
    if (acs) pci->request_acs();
    pci->scan_root_bus(0, 0);
  }

  [[nodiscard]] pci_dev& dev(source_id id) const {
    pci_dev* found = pci->find(id);
    if (found == nullptr) throw std::runtime_error("no function at " + to_string(id));
    return *found;
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> list;
    for (const device* d : bus.devices) list.push_back(d->name.substr(5));  // without the segment
    return list;
  }

  [[nodiscard]] bool logged(std::string_view text) const {
    for (const log_line& line : env.log.lines()) {
      if (line.text.find(text) != std::string::npos) return true;
    }
    return false;
  }
};

}  // namespace iommulab
