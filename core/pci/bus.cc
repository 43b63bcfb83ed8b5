// SPDX-License-Identifier: GPL-2.0-only
//
// What follows a scan, and a scan on request. Linux v4.4 drivers/pci/bus.c and pci-sysfs.c.
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/pci/pci.h"
#include "core/pci/sysfs_switch.h"

namespace iommulab {

sysfs_tree::store_function when_set(std::string_view name, std::function<void()> act) {
  return [file = std::string(name), act = std::move(act)](std::string_view content) {
    uint64_t value = 0;
    if (!absl::SimpleAtoi(std::string(content), &value)) {
      return errno_status(EINVAL, absl::StrFormat("%s: the content is not a number", file));
    }
    if (value != 0) act();
    return absl::OkStatus();
  };
}

// Linux v4.4 drivers/pci/probe.c: pci_rescan_bus(), drivers/pci/pci-sysfs.c: bus_rescan_store()
void pci_core::rescan() {
  for (const auto& root : roots_) {
    scanned_.clear();
    scan_child_bus(*root);
    bus_add_devices(*root);
  }
}

/// The file "rescan" of the bus type.
void pci_core::create_rescan_file() {
  sysfs_tree& sysfs = bus_.sysfs;
  const std::string directory = absl::StrCat("bus/", bus_.name);
  if (!sysfs.exists(directory)) sysfs.create_directory(directory).IgnoreError();
  const std::string path = absl::StrCat(directory, "/rescan");
  if (sysfs.exists(path)) return;
  sysfs.create_file(path, {}, when_set("rescan", [this] { rescan(); })).IgnoreError();
}

// Linux v4.4 drivers/pci/bus.c: pci_bus_add_devices()
void pci_core::bus_add_devices(pci_bus& bus) {
  for (size_t i = 0; i < bus.devices.size(); ++i) {
    pci_dev& pdev = *bus.devices[i];
    if (pdev.is_added) continue;
    if (attach_) attach_(pdev);
    pdev.is_added = true;
  }
  for (size_t i = 0; i < bus.devices.size(); ++i) {
    const pci_dev& pdev = *bus.devices[i];
    if (pdev.is_added && pdev.subordinate != nullptr) bus_add_devices(*pdev.subordinate);
  }
}

}  // namespace iommulab
