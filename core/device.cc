// SPDX-License-Identifier: GPL-2.0-only
#include "core/device.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "core/enum_names.h"
#include "core/sysfs.h"

namespace iommulab {
namespace {

/// "bus/pci/drivers/ahci"
std::string driver_path(const device& dev) {
  return absl::StrCat("bus/", dev.bus->name, "/drivers/", dev.driver);
}

/// Linux v4.4 drivers/base/dd.c: driver_sysfs_add(). A missing node only means that nobody made the
/// directories of this bus.
void driver_sysfs_add(const device& dev) {
  sysfs_tree& sysfs = dev.bus->sysfs;
  const std::string path = driver_path(dev);
  if (!sysfs.exists(path)) sysfs.create_directory(path).IgnoreError();
  sysfs.create_link(absl::StrCat(path, "/", dev.name), dev.sysfs_path).IgnoreError();
  sysfs.create_link(absl::StrCat(dev.sysfs_path, "/driver"), path).IgnoreError();
}

void driver_sysfs_remove(const device& dev) {
  sysfs_tree& sysfs = dev.bus->sysfs;
  sysfs.remove(absl::StrCat(driver_path(dev), "/", dev.name)).IgnoreError();
  sysfs.remove(absl::StrCat(dev.sysfs_path, "/driver")).IgnoreError();
}

}  // namespace

std::string_view name(bus_notify action) {
  using enum bus_notify;
  static constexpr auto names = enum_names<bus_notify>({
      {add_device, "add_device"},
      {del_device, "del_device"},
      {removed_device, "removed_device"},
      {bind_driver, "bind_driver"},
      {bound_driver, "bound_driver"},
      {unbind_driver, "unbind_driver"},
      {unbound_driver, "unbound_driver"},
  });
  return names(action);
}

int device_bind_driver(device& dev, std::string driver, absl::FunctionRef<int(device&)> probe,
                       std::function<void(device&)> remove) {
  if (!dev.driver.empty()) return -EBUSY;
  if (dev.bus->dma_configure) {
    if (const int ret = dev.bus->dma_configure(dev, driver); ret != 0) return ret;
  }
  dev.driver = std::move(driver);
  dev.bus->notifier.call(bus_notify::bind_driver, dev);
  driver_sysfs_add(dev);
  const int ret = probe(dev);
  if (ret != 0) {
    driver_sysfs_remove(dev);
    if (dev.bus->dma_cleanup) dev.bus->dma_cleanup(dev);
    dev.driver.clear();
    return ret;
  }
  dev.driver_remove = std::move(remove);
  dev.bus->env.trace.tell([&] {
    return events::device_change{events::device_action::bind, dev.name, dev.driver};
  });
  dev.bus->notifier.call(bus_notify::bound_driver, dev);
  return 0;
}

void device_release_driver(device& dev) {
  if (dev.driver.empty()) return;
  driver_sysfs_remove(dev);
  dev.bus->notifier.call(bus_notify::unbind_driver, dev);
  if (dev.driver_remove) dev.driver_remove(dev);
  if (dev.bus->dma_cleanup) dev.bus->dma_cleanup(dev);
  dev.bus->env.trace.tell([&] {
    return events::device_change{events::device_action::unbind, dev.name, dev.driver};
  });
  dev.driver.clear();
  dev.driver_remove = nullptr;
  dev.bus->notifier.call(bus_notify::unbound_driver, dev);
}

int bus_for_each_dev(bus_type& bus, absl::FunctionRef<int(device&)> fn) {
  for (size_t i = 0; i < bus.devices.size(); ++i) {
    const int ret = fn(*bus.devices[i]);
    if (ret != 0) return ret;
  }
  return 0;
}

}  // namespace iommulab
