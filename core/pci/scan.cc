// SPDX-License-Identifier: GPL-2.0-only
//
// Finding functions and bridges. Linux v4.4 drivers/pci/probe.c, by the same steps.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/pci/acs.h"
#include "core/pci/pci.h"
#include "core/pci/quirks.h"
#include "core/pci/registers.h"
#include "core/pci/resource.h"
#include "core/pci/sysfs_switch.h"
#include "core/pci/trust.h"
#include "core/sysfs.h"

namespace iommulab {
namespace {

constexpr unsigned highest_bus = 0xff;

/// Whether a PCIe link hangs off the port, on which there is only a device 0. An upstream port has
/// one only when the port above has none (a switch whose upstream port is wired as a root).
bool has_secondary_link(const pci_dev& pdev) {
  if (!pci_is_pcie(pdev)) return false;
  if (pdev.pcie_type == pci_exp_type::root_port) return true;
  if (pdev.pcie_type == pci_exp_type::pcie_bridge) return pdev.bus->core->pcie_bridges_have_links();
  if (pdev.pcie_type != pci_exp_type::upstream && pdev.pcie_type != pci_exp_type::downstream) {
    return false;
  }
  const pci_dev* above = pdev.bus->self;
  return above != nullptr && !has_secondary_link(*above);
}

/// Linux v4.4 drivers/pci/probe.c: only_one_child()
bool only_one_child(const pci_bus& bus) {
  return bus.self != nullptr && has_secondary_link(*bus.self);
}

/// The next function number to try in a slot, 0 when there is none.
/// Linux v4.4 drivers/pci/probe.c: next_fn(), next_ari_fn()
unsigned next_function(const pci_bus& bus, const pci_dev* pdev, unsigned fn) {
  if (bus.self != nullptr && bus.self->ari_enabled) {
    if (pdev == nullptr) return 0;
    const uint16_t at = pci_find_ext_capability(*pdev, pci_ext_cap_id_ari);
    if (at == 0) return 0;
    const uint16_t cap = pdev->config->read16(static_cast<uint16_t>(at + pci_reg::ari_capability));
    const unsigned next = pci_reg::ari_next_function.get(cap);
    return next > fn ? next : 0;  // a chain that does not ascend ends
  }
  // Functions may be missing in between: a hole does not end the slot.
  if (pdev == nullptr || pdev->multifunction) return (fn + 1) % 8;
  return 0;
}

/// Linux v4.4 drivers/pci/pci.c: pci_configure_ari()
void configure_ari(const pci_dev& pdev) {
  if (!pci_is_pcie(pdev) || pdev.devfn != 0 || pdev.bus->self == nullptr) return;
  pci_dev& bridge = *pdev.bus->self;
  if (!pci_is_pcie(bridge)) return;
  const auto reg = [&](uint16_t offset) { return static_cast<uint16_t>(bridge.pcie_cap + offset); };
  const uint16_t flags = bridge.config->read16(reg(pci_reg::exp_flags));
  if (pci_reg::exp_flags_version.get(flags) < 2) return;
  if (!pci_reg::exp_devcap2_ari.test(bridge.config->read32(reg(pci_reg::exp_devcap2)))) return;
  bridge.ari_enabled = pci_find_ext_capability(pdev, pci_ext_cap_id_ari) != 0;
  const uint16_t control = bridge.config->read16(reg(pci_reg::exp_devctl2));
  bridge.config->write16(reg(pci_reg::exp_devctl2),
                         pci_reg::exp_devctl2_ari.set(control, bridge.ari_enabled ? 1 : 0));
}

/// Checks the class against the header's layout, as pci_setup_device() does; false for a layout
/// that nobody knows.
bool check_header(pci_dev& pdev, uint8_t type) {
  const uint32_t cls = pdev.class_code >> 8;
  bool fits = false;
  switch (type) {
    case static_cast<uint8_t>(pci_header_type::normal):
      fits = cls != pci_reg::class_bridge_pci;
      break;
    case static_cast<uint8_t>(pci_header_type::bridge):
      fits = cls == pci_reg::class_bridge_pci;
      break;
    case static_cast<uint8_t>(pci_header_type::cardbus):
      fits = cls == pci_reg::class_bridge_cardbus;
      break;
    default:
      dev_printk(pdev.dev, log_level::err, "unknown header type %02x, ignoring device", type);
      return false;
  }
  if (!fits) {
    dev_printk(pdev.dev, log_level::err, "ignoring class 0x%06x (doesn't match header type %02x)",
               pdev.class_code, type);
    pdev.class_code = 0;
  }
  pdev.hdr_type = static_cast<pci_header_type>(type);
  return true;
}

std::string bus_directory(const pci_bus& bus) {
  if (bus.self != nullptr) return bus.self->dev.sysfs_path;
  if (bus.parent != nullptr) return bus_directory(*bus.parent);  // a virtual bus
  return absl::StrFormat("devices/pci%04x:%02x", bus.segment, bus.number);
}

}  // namespace

pci_bus& pci_core::scan_root_bus(uint16_t segment, uint8_t number, uint8_t busn_end) {
  pci_bus* bus = find_bus(segment, number);
  if (bus == nullptr) {
    auto root = std::make_unique<pci_bus>();
    root->core = this;
    root->segment = segment;
    root->number = number;
    root->busn_end = busn_end;
    bus = root.get();
    roots_.push_back(std::move(root));
    enter_bus(*bus);
    bus_.sysfs.create_directory(bus_directory(*bus)).IgnoreError();
  }
  scanned_.clear();
  create_rescan_file();
  scan_child_bus(*bus);
  bus_add_devices(*bus);
  return *bus;
}

unsigned pci_core::scan_child_bus(pci_bus& bus) {
  unsigned max = bus.number;
  if (std::find(scanned_.begin(), scanned_.end(), &bus) != scanned_.end()) {
    bus_.env.log.print(log_level::warning,
                       absl::StrFormat("pci_bus %04x:%02x: reached through more than one bridge, "
                                       "scanned once",
                                       bus.segment, bus.number));
    return bus.busn_end;
  }
  scanned_.push_back(&bus);
  const unsigned end = only_one_child(bus) ? 8 : 0x100;
  for (unsigned devfn = 0; devfn < end; devfn += 8) {
    scan_slot(bus, static_cast<uint8_t>(devfn));
  }
  // Bridges that the firmware set up go first: the others get the numbers above.
  for (int pass = 0; pass < 2; ++pass) {
    for (size_t i = 0; i < bus.devices.size(); ++i) {
      pci_dev& pdev = *bus.devices[i];
      if (pdev.hdr_type == pci_header_type::bridge) max = scan_bridge(bus, pdev, max, pass);
    }
  }
  return max;
}

// Linux v4.4 drivers/pci/probe.c: pci_scan_bridge()
unsigned pci_core::scan_bridge(pci_bus& bus, pci_dev& bridge, unsigned max, int pass) {
  pci_config_space& config = *bridge.config;
  unsigned primary = config.read8(pci_reg::primary_bus);
  const unsigned secondary = config.read8(pci_reg::secondary_bus);
  const unsigned subordinate = config.read8(pci_reg::subordinate_bus);
  if (primary == 0 && bus.number != 0 && secondary != 0 && subordinate != 0) {
    dev_printk(bridge.dev, log_level::warning, "Primary bus is hard wired to 0");
    primary = bus.number;
  }
  // Buses behind a bridge are numbered after the one that it is on, the nearest first.
  const bool numbers_fit =
      primary == bus.number && bus.number < secondary && secondary <= subordinate;
  const bool broken = pass == 0 && !numbers_fit;
  if (broken) {
    dev_printk(bridge.dev, log_level::info,
               "bridge configuration invalid ([bus %02x-%02x]), reconfiguring", secondary,
               subordinate);
  }

  if ((secondary != 0 || subordinate != 0) && !broken) {
    if (pass != 0) return max;
    pci_bus* child = find_bus(bus.segment, secondary);
    if (child == nullptr) {
      child = &add_child_bus(bus, &bridge, static_cast<uint8_t>(secondary),
                             static_cast<uint8_t>(subordinate));
    }
    const unsigned seen = scan_child_bus(*child);
    if (seen > subordinate) {
      dev_printk(bridge.dev, log_level::warning, "bridge has subordinate %02x but max busn %02x",
                 subordinate, seen);
    }
    return std::max(max, subordinate);
  }

  if (pass == 0) {
    // Nothing is forwarded until the second pass hands out numbers.
    if (broken) {
      config.write8(pci_reg::primary_bus, 0);
      config.write8(pci_reg::secondary_bus, 0);
      config.write8(pci_reg::subordinate_bus, 0);
    }
    return max;
  }
  if (max >= highest_bus || max >= bus.busn_end) {
    dev_printk(bridge.dev, log_level::err, "no bus number is left above %02x: not scanned", max);
    return max;
  }
  pci_bus* child = find_bus(bus.segment, max + 1);
  ++max;
  if (child == nullptr) {
    child = &add_child_bus(bus, &bridge, static_cast<uint8_t>(max), bus.busn_end);
  }
  config.write8(pci_reg::primary_bus, bus.number);
  config.write8(pci_reg::secondary_bus, child->number);
  config.write8(pci_reg::subordinate_bus, child->busn_end);
  max = scan_child_bus(*child);
  child->busn_end = static_cast<uint8_t>(max);
  config.write8(pci_reg::subordinate_bus, child->busn_end);
  return max;
}

pci_bus& pci_core::add_child_bus(pci_bus& parent, pci_dev* bridge, uint8_t number,
                                 uint8_t busn_end) {
  auto child = std::make_unique<pci_bus>();
  child->core = this;
  child->segment = parent.segment;
  child->number = number;
  child->busn_end = busn_end;
  child->parent = &parent;
  child->self = bridge;
  if (bridge != nullptr) bridge->subordinate = child.get();
  enter_bus(*child);
  parent.children.push_back(std::move(child));
  return *parent.children.back();
}

void pci_core::scan_slot(pci_bus& bus, uint8_t devfn) {
  pci_dev* pdev = scan_single_device(bus, devfn);
  if (pdev == nullptr) return;
  for (unsigned fn = next_function(bus, pdev, 0); fn > 0; fn = next_function(bus, pdev, fn)) {
    pdev = scan_single_device(bus, devfn + fn);
    if (pdev != nullptr) pdev->multifunction = true;
  }
}

// Linux v4.4 drivers/pci/probe.c: pci_scan_single_device()
pci_dev* pci_core::scan_single_device(pci_bus& bus, unsigned devfn) {
  if (devfn > 0xff) return nullptr;
  for (const auto& known : bus.devices) {
    if (known->devfn == devfn) return known.get();
  }
  const auto fn = static_cast<uint8_t>(devfn);
  std::unique_ptr<pci_dev> pdev =
      setup_device(bus, fn, access_.config({bus.segment, bus.number, fn}));
  if (pdev == nullptr) return nullptr;
  return &add_to_bus(bus, std::move(pdev));
}

// Linux v4.4 drivers/pci/probe.c: pci_device_add()
pci_dev& pci_core::add_to_bus(pci_bus& bus, std::unique_ptr<pci_dev> pdev) {
  for (const header_fixup& fixup : fixups_) fixup(*pdev);
  pci_header_quirks(*pdev);
  configure_ari(*pdev);
  pci_enable_acs(*pdev);
  bus.devices.push_back(std::move(pdev));
  pci_dev& added = *bus.devices.back();
  device_add(added);
  return added;
}

pci_dev* pci_core::add_virtual_function(pci_dev& physfn, uint8_t number, uint8_t devfn,
                                        pci_config_space& config) {
  pci_bus* bus = number == physfn.bus->number ? physfn.bus : find_bus(physfn.bus->segment, number);
  if (bus == nullptr) bus = &add_child_bus(*physfn.bus, nullptr, number, number);
  std::unique_ptr<pci_dev> pdev = setup_device(*bus, devfn, &config);
  if (pdev == nullptr) return nullptr;
  pdev->dev.parent = physfn.dev.parent;
  pdev->physfn = &physfn;
  pdev->is_virtfn = true;
  pdev->multifunction = false;
  return &add_to_bus(*bus, std::move(pdev));
}

// Linux v4.4 drivers/pci/probe.c: pci_scan_device(), pci_setup_device()
std::unique_ptr<pci_dev> pci_core::setup_device(pci_bus& bus, uint8_t devfn,
                                                pci_config_space* config) {
  const source_id id{bus.segment, bus.number, devfn};
  if (config == nullptr) return nullptr;
  const uint32_t ids = config->read32(pci_reg::vendor_id);
  if (ids == 0xffffffff || ids == 0 || ids == 0x0000ffff || ids == 0xffff0000) return nullptr;

  auto pdev = std::make_unique<pci_dev>();
  pdev->bus = &bus;
  pdev->devfn = devfn;
  pdev->config = config;
  pdev->vendor = config->read16(pci_reg::vendor_id);
  pdev->device_id = config->read16(pci_reg::device_id);
  const uint32_t class_revision = config->read32(pci_reg::class_revision);
  pdev->class_code = class_revision >> 8;
  pdev->revision = static_cast<uint8_t>(class_revision & 0xff);
  const uint8_t header = config->read8(pci_reg::header_type);
  pdev->multifunction = pci_reg::header_multifunction.test(header);
  pdev->dev.name = to_string(id);
  pdev->dev.bus = &bus_;
  pdev->dev.pci = pdev.get();
  pdev->dev.parent = bus.self != nullptr ? &bus.self->dev : nullptr;
  if (!check_header(*pdev, pci_reg::header_layout.get(header))) return nullptr;

  pdev->pcie_cap = pci_find_capability(*pdev, pci_reg::capability_id_express);
  if (pci_is_pcie(*pdev)) {
    const uint16_t flags =
        config->read16(static_cast<uint16_t>(pdev->pcie_cap + pci_reg::exp_flags));
    pdev->pcie_type = static_cast<pci_exp_type>(pci_reg::exp_flags_type.get(flags));
  }
  set_pcie_untrusted(*pdev, access_.firmware_properties(id));
  if (const auto* recorded = access_.recorded_resources(id); recorded != nullptr) {
    pdev->resource = *recorded;
  } else {
    pci_read_resources(*pdev);
  }
  return pdev;
}

// Linux v4.4 drivers/base/core.c: device_add()
void pci_core::device_add(pci_dev& pdev) {
  device& dev = pdev.dev;
  sysfs_tree& sysfs = bus_.sysfs;
  dev.sysfs_path = absl::StrCat(bus_directory(*pdev.bus), "/", dev.name);
  sysfs.create_directory(dev.sysfs_path).IgnoreError();

  const auto file = [&](const char* name, sysfs_tree::show_function show) {
    sysfs.create_file(absl::StrCat(dev.sysfs_path, "/", name), std::move(show)).IgnoreError();
  };
  file("vendor", [&pdev] { return absl::StrFormat("0x%04x\n", pdev.vendor); });
  file("device", [&pdev] { return absl::StrFormat("0x%04x\n", pdev.device_id); });
  file("class", [&pdev] { return absl::StrFormat("0x%06x\n", pdev.class_code); });
  file("resource", [&pdev] {
    // A bridge shows its windows as well.
    const size_t count = pdev.subordinate != nullptr ? pdev.resource.size() : 13;
    std::string text;
    for (size_t i = 0; i < count; ++i) {
      const pci_resource& r = pdev.resource[i];
      absl::StrAppendFormat(&text, "0x%016x 0x%016x 0x%016x\n", r.start, r.end, r.flags);
    }
    return text;
  });
  sysfs
      .create_file(absl::StrCat(dev.sysfs_path, "/remove"), {},
                   when_set("remove", [this, &pdev] { remove(pdev); }))
      .IgnoreError();

  const std::string devices = absl::StrCat("bus/", bus_.name, "/devices");
  if (!sysfs.exists(devices)) sysfs.create_directory(devices).IgnoreError();
  sysfs.create_link(absl::StrCat(devices, "/", dev.name), dev.sysfs_path).IgnoreError();
  sysfs.create_link(absl::StrCat(dev.sysfs_path, "/subsystem"), absl::StrCat("bus/", bus_.name))
      .IgnoreError();
  bus_.devices.push_back(&dev);
  bus_.env.trace.tell([&] { return events::device_change{events::device_action::add, dev.name}; });
  bus_.notifier.call(bus_notify::add_device, dev);
}

pci_bus* pci_core::find_bus(uint16_t segment, unsigned number) const {
  if (number > highest_bus) return nullptr;
  const auto found = buses_.find({segment, static_cast<uint8_t>(number), 0});
  return found == buses_.end() ? nullptr : found->second;
}

void pci_core::enter_bus(pci_bus& bus) {
  buses_.emplace(source_id{bus.segment, bus.number, 0}, &bus);
}

pci_dev* pci_core::find(source_id id) const {
  const pci_bus* bus = find_bus(id.segment, id.bus);
  if (bus == nullptr) return nullptr;
  for (const auto& pdev : bus->devices) {
    if (pdev->devfn == id.devfn) return pdev.get();
  }
  return nullptr;
}

pci_dev* pci_core::find_if(absl::FunctionRef<bool(const pci_dev&)> wanted) const {
  const auto at = std::find_if(bus_.devices.begin(), bus_.devices.end(), [&](const device* dev) {
    return dev->pci != nullptr && wanted(*dev->pci);
  });
  return at == bus_.devices.end() ? nullptr : (*at)->pci;
}

pci_dev* pci_core::get_device(uint16_t vendor, uint16_t device_id) const {
  return find_if(
      [&](const pci_dev& pdev) { return pdev.vendor == vendor && pdev.device_id == device_id; });
}

pci_dev* pci_core::get_class(uint32_t class_code) const {
  return find_if([&](const pci_dev& pdev) { return pdev.class_code == class_code; });
}

device* pci_core::bus_find_device_by_name(std::string_view name) const {
  pci_dev* const found = find_if([&](const pci_dev& pdev) { return pdev.dev.name == name; });
  return found == nullptr ? nullptr : &found->dev;
}

}  // namespace iommulab
