// SPDX-License-Identifier: GPL-2.0-only
//
// Taking functions away. Linux v4.4 drivers/pci/remove.c and drivers/base/core.c: device_del().
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/pci/pci.h"
#include "core/sysfs.h"

namespace iommulab {
namespace {

std::vector<pci_dev*> functions_of(const pci_bus& bus) {
  std::vector<pci_dev*> functions;
  for (const auto& pdev : bus.devices) functions.push_back(pdev.get());
  return functions;
}

}  // namespace

void pci_core::remove(pci_dev& pdev) {
  stop_device(pdev);
  remove_device(pdev);
}

/// Unbinds drivers: what is behind a bridge first, the last function of a bus first.
/// Linux v4.4: pci_stop_bus_device(), pci_stop_dev()
void pci_core::stop_device(pci_dev& pdev) {
  if (pdev.subordinate != nullptr) {
    const std::vector<pci_dev*> functions = functions_of(*pdev.subordinate);
    for (auto it = functions.rbegin(); it != functions.rend(); ++it) stop_device(**it);
  }
  device_release_driver(pdev.dev);
  pdev.is_added = false;
}

/// Linux v4.4: pci_remove_bus_device(), pci_destroy_dev(), device_del()
void pci_core::remove_device(pci_dev& pdev) {
  if (pdev.subordinate != nullptr) {
    pci_bus* behind = pdev.subordinate;
    for (pci_dev* child : functions_of(*behind)) remove_device(*child);
    auto& siblings = pdev.bus->children;
    const auto at = std::find_if(siblings.begin(), siblings.end(),
                                 [&](const auto& bus) { return bus.get() == behind; });
    if (at != siblings.end()) {
      buses_.erase({behind->segment, behind->number, 0});
      removed_buses_.push_back(std::move(*at));
      siblings.erase(at);
    }
    pdev.subordinate = nullptr;
  }

  device& dev = pdev.dev;
  bus_.notifier.call(bus_notify::del_device, dev);
  std::erase(bus_.devices, &dev);
  bus_.env.trace.tell([&] {
    return events::device_change{events::device_action::remove, dev.name};
  });
  bus_.sysfs.remove(absl::StrCat("bus/", bus_.name, "/devices/", dev.name)).IgnoreError();
  bus_.notifier.call(bus_notify::removed_device, dev);
  bus_.sysfs.remove(dev.sysfs_path).IgnoreError();

  auto& functions = pdev.bus->devices;
  const auto at = std::find_if(functions.begin(), functions.end(),
                               [&](const auto& p) { return p.get() == &pdev; });
  if (at == functions.end()) return;
  removed_devices_.push_back(std::move(*at));
  functions.erase(at);
}

}  // namespace iommulab
