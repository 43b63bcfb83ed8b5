// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/pci_drivers.h"

#include <cerrno>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

constexpr std::string_view port_driver = "pcieport";
/// Plays the recorded scripts of DMA operations; its initcall is a late one.
constexpr std::string_view script_driver = "dmalab";
constexpr uint32_t class_pci_bridge = 0x060400;

/// DMA_BIT_MASK()
uint64_t mask_of(unsigned bits) {
  constexpr unsigned widest = 64;
  return bits >= widest ? UINT64_MAX : (uint64_t{1} << bits) - 1;
}

pci_drivers::initcall initcall_of(std::string_view driver) {
  return driver == script_driver ? pci_drivers::initcall::late : pci_drivers::initcall::device;
}

/// A name as it is written into a file, often with a newline.
std::string_view trimmed(std::string_view text) {
  const size_t last = text.find_last_not_of(" \n");
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

absl::Status no_device(std::string_view driver, std::string_view name, std::string_view why) {
  return errno_status(ENODEV, absl::StrFormat("%s: %s: %s", driver, name, why));
}

}  // namespace

pci_drivers::pci_drivers(const machine_config& machine, pci_core& pci, sysfs_tree& sysfs)
    : pci_(pci), sysfs_(sysfs) {
  for (const pci_function_config& f : machine.pci_functions) {
    if (f.captured_driver.empty()) continue;
    claims_[to_string(f.id)] = {f.captured_driver, mask_of(f.captured_dma_mask_bits),
                                mask_of(f.captured_coherent_mask_bits)};
    has_port_driver_ = has_port_driver_ || f.captured_driver == port_driver;
  }
}

pci_drivers::~pci_drivers() {
  pci_.set_device_attach({});
}

void pci_drivers::load(initcall when) {
  std::set<std::string> drivers;
  for (const auto& [name, taken] : claims_) {
    if (initcall_of(taken.driver) == when) drivers.insert(taken.driver);
  }
  for (const std::string& driver : drivers) create_files(driver);
  // The bus's own driver is linked before those of its functions.
  if (when == initcall::device) load_driver(port_driver);
  for (const std::string& driver : drivers) {
    if (driver != port_driver) load_driver(driver);
  }
  pci_.set_device_attach([this](pci_dev& pdev) { attach(pdev); });
}

void pci_drivers::load_driver(std::string_view driver) {
  loaded_.emplace(driver);
  pci_.for_each_pci_dev([&](pci_dev& pdev) {
    const auto claimed = claims_.find(pdev.dev.name);
    if ((claimed == claims_.end() ? port_driver : claimed->second.driver) == driver) attach(pdev);
  });
}

void pci_drivers::attach(pci_dev& pdev) {
  const auto found = claims_.find(pdev.dev.name);
  if (found != claims_.end()) {
    const claim& taken = found->second;
    if (!loaded_.contains(taken.driver)) return;
    device_bind_driver(pdev.dev, taken.driver, [this, &taken](device& dev) {
      pci_.enable_device(*dev.pci);
      dev.dma_mask = taken.dma_mask;
      dev.coherent_dma_mask = taken.coherent_dma_mask;
      return 0;
    });
    return;
  }
  if (!has_port_driver_ || pdev.class_code != class_pci_bridge) return;
  device_bind_driver(pdev.dev, std::string(port_driver), [](device&) { return -ENODEV; });
}

void pci_drivers::create_files(const std::string& driver) {
  const std::string directory = absl::StrCat("bus/pci/drivers/", driver);
  if (sysfs_.exists(directory)) return;
  sysfs_.create_directory(directory).IgnoreError();
  const auto file = [&](const char* name, sysfs_tree::store_function store) {
    sysfs_.create_file(absl::StrCat(directory, "/", name), {}, std::move(store)).IgnoreError();
  };
  file("bind", [this, driver](std::string_view name) { return bind(driver, trimmed(name)); });
  file("unbind", [this, driver](std::string_view name) { return unbind(driver, trimmed(name)); });
}

void pci_drivers::register_driver(pci_driver driver) {
  create_files(driver.name);
  if (registered_.empty()) create_override_files();
  std::string name = driver.name;
  registered_.emplace(std::move(name), std::move(driver));
}

void pci_drivers::create_override_files() {
  sysfs_
      .create_file("bus/pci/drivers_probe", {},
                   [this](std::string_view name) { return probe(trimmed(name)); })
      .IgnoreError();
  pci_.for_each_pci_dev([this](pci_dev& pdev) {
    const std::string& name = pdev.dev.name;
    sysfs_
        .create_file(
            absl::StrCat(pdev.dev.sysfs_path, "/driver_override"),
            [this, name] { return absl::StrCat(overrides_[name], "\n"); },
            [this, name](std::string_view driver) {
              overrides_[name] = trimmed(driver);
              return absl::OkStatus();
            })
        .IgnoreError();
  });
}

// Linux v6.12 drivers/base/bus.c: drivers_probe_store()
absl::Status pci_drivers::probe(std::string_view name) {
  device* dev = pci_.bus_find_device_by_name(name);
  if (dev == nullptr) return no_device("drivers_probe", name, "there is no such function");
  if (!dev->driver.empty()) return absl::OkStatus();
  const auto asked_for = overrides_.find(name);
  const auto found =
      asked_for == overrides_.end() ? registered_.end() : registered_.find(asked_for->second);
  if (found != registered_.end()) {
    bool was_asked = false;
    const int ret = bind_to(*dev->pci, found->second, was_asked);
    // What a probe() says is passed over: another driver might have tried its luck.
    if (ret == 0 || was_asked) return absl::OkStatus();
  } else {
    const auto claimed = claims_.find(name);
    const bool is_another =
        asked_for != overrides_.end() && !asked_for->second.empty() &&
        (claimed == claims_.end() || claimed->second.driver != asked_for->second);
    if (is_another || claimed == claims_.end() || !loaded_.contains(claimed->second.driver)) {
      return absl::OkStatus();
    }
    attach(*dev->pci);
    if (!dev->driver.empty()) return absl::OkStatus();
  }
  return errno_status(EINVAL,
                      absl::StrFormat("drivers_probe: %s: its driver may not use its DMA", name));
}

int pci_drivers::bind_to(pci_dev& pdev, const pci_driver& driver, bool& was_asked) {
  return device_bind_driver(
      pdev.dev, driver.name,
      [&](device&) {
        was_asked = true;
        return driver.probe(pdev);
      },
      [remove = driver.remove](device& dev) { remove(*dev.pci); });
}

// Linux v4.4 drivers/base/bus.c: bind_store()
absl::Status pci_drivers::bind(const std::string& driver, std::string_view name) {
  device* dev = pci_.bus_find_device_by_name(name);
  if (dev == nullptr) return no_device(driver, name, "there is no such function");
  if (!dev->driver.empty()) return no_device(driver, name, "it has a driver");
  const auto registered = registered_.find(driver);
  if (registered != registered_.end() && overrides_[std::string(name)] == driver) {
    bool was_asked = false;
    const int ret = bind_to(*dev->pci, registered->second, was_asked);
    if (ret == 0) return absl::OkStatus();
    return errno_status(-ret, absl::StrFormat("%s: %s: the driver refuses it", driver, name));
  }
  const auto found = claims_.find(name);
  if (found == claims_.end() || found->second.driver != driver) {
    return no_device(driver, name, "the driver does not know it");
  }
  attach(*dev->pci);
  return absl::OkStatus();
}

// Linux v4.4 drivers/base/bus.c: unbind_store()
absl::Status pci_drivers::unbind(const std::string& driver, std::string_view name) {
  device* dev = pci_.bus_find_device_by_name(name);
  if (dev == nullptr) return no_device(driver, name, "there is no such function");
  if (dev->driver != driver) return no_device(driver, name, "the driver is not bound to it");
  device_release_driver(*dev);
  return absl::OkStatus();
}

}  // namespace iommulab
