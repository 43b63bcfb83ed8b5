// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/qemu_namespace.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "core/pci/registers.h"
#include "platform/pci/capability_layout.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

constexpr uint32_t sub_class_isa_bridge = 0x0601;
constexpr uint32_t sub_class_pci_bridge = 0x0604;
constexpr uint32_t sub_class_smbus = 0x0c05;

struct named_device {
  std::string_view path;
  std::string_view hardware_id;
};

constexpr std::array interrupt_links = {"LNKA", "LNKB", "LNKC", "LNKD", "LNKE", "LNKF",
                                        "LNKG", "LNKH", "GSIA", "GSIB", "GSIC", "GSID",
                                        "GSIE", "GSIF", "GSIG", "GSIH"};

/// What sits behind the ISA bridge.
constexpr std::array isa_devices = {
    named_device{"PEVT", "QEMU0001"}, named_device{"KBD", "PNP0303"},
    named_device{"MOU", "PNP0F13"},   named_device{"COM2", "PNP0501"},
    named_device{"COM1", "PNP0501"},  named_device{"RTC", "PNP0B00"},
};

acpi_object named(std::string path, std::string_view hardware_id = "") {
  return {.path = std::move(path), .hardware_id = std::string(hardware_id)};
}

acpi_object no_device(std::string path) {
  return {.path = std::move(path), .type = acpi_object::kind::other};
}

uint32_t sub_class(const pci_function_config& function) {
  return config_get(function.config, 0x0a, 2);
}

bool is_pci_bridge(const pci_function_config& function) {
  return sub_class(function) == sub_class_pci_bridge;
}

/// Whether the bus behind a bridge is a link of PCI Express.
bool leads_to_a_link(const pci_function_config& bridge) {
  bool link = false;
  for_each_capability(bridge.config, [&](uint8_t id, uint16_t at) {
    if (id != pci_reg::capability_id_express) return;
    const auto flags_at = static_cast<uint16_t>(at + pci_reg::exp_flags);
    const auto type =
        static_cast<pci_exp_type>(config_get(bridge.config, flags_at, pci_reg::exp_flags_type));
    link = type != pci_exp_type::pci_bridge;
  });
  return link;
}

/// Writes the slots of one bus, and what is behind its bridges.
class slot_writer {
 public:
  slot_writer(const std::vector<pci_function_config>& functions, std::vector<acpi_object>& objects)
      : functions_(functions), objects_(objects) {}

  void add_root_bus(const std::string& path) { add_bus(path, {0, 0, 0}, empty_slots::none); }

 private:
  /// Which slots without a function can be filled while the machine runs.
  enum class empty_slots { none, first, all };

  void add_bus(const std::string& path, source_id bus, empty_slots empty) {
    for (unsigned devfn = 0; devfn <= UINT8_MAX; ++devfn) {
      const source_id id{bus.segment, bus.bus, static_cast<uint8_t>(devfn)};
      const pci_function_config* function = find(id);
      if (function != nullptr ? is_described(*function) : can_be_filled(id, empty)) {
        add_slot(absl::StrFormat("%s.S%02X", path, devfn), id, function);
      }
    }
  }

  void add_slot(const std::string& path, source_id id, const pci_function_config* function) {
    objects_.push_back({.path = path, .function = id});
    if (function == nullptr) return;
    if (sub_class(*function) == sub_class_isa_bridge) {
      for (const named_device& device : isa_devices) {
        objects_.push_back(named(absl::StrFormat("%s.%s", path, device.path), device.hardware_id));
      }
    }
    if (!is_pci_bridge(*function)) return;
    const auto secondary =
        static_cast<uint8_t>(config_get(function->config, pci_reg::secondary_bus, 1));
    add_bus(path, {id.segment, secondary, 0},
            leads_to_a_link(*function) ? empty_slots::first : empty_slots::all);
  }

  static bool is_described(const pci_function_config& function) {
    return function.id.function() == 0 || is_pci_bridge(function) ||
           sub_class(function) == sub_class_smbus;
  }

  static bool can_be_filled(source_id slot, empty_slots empty) {
    if (slot.function() != 0 || empty == empty_slots::none) return false;
    return empty == empty_slots::all || slot.device() == 0;
  }

  [[nodiscard]] const pci_function_config* find(source_id id) const {
    const auto found = std::find_if(functions_.begin(), functions_.end(),
                                    [&](const auto& f) { return f.present && f.id == id; });
    return found == functions_.end() ? nullptr : &*found;
  }

  const std::vector<pci_function_config>& functions_;
  std::vector<acpi_object>& objects_;
};

}  // namespace

std::vector<acpi_object> q35_namespace(const std::vector<pci_function_config>& functions) {
  std::vector<acpi_object> objects;
  objects.push_back(named("\\"));
  objects.push_back(no_device("\\_GPE"));
  objects.push_back(no_device("\\_PR"));
  objects.push_back(named("\\_SB"));
  objects.push_back(
      {.path = "\\_SB.PCI0", .hardware_id = "PNP0A08", .root_bus = source_id{0, 0, 0}});
  objects.push_back(named("\\_SB.PCI0.PRES", "PNP0A06"));
  objects.push_back(named("\\_SB.PCI0.GPE0", "PNP0A06"));
  objects.push_back(named("\\_SB.PCI0.PHPR", "PNP0A06"));
  objects.push_back(named("\\_SB.PCI0.FWCF", "QEMU0002"));
  slot_writer(functions, objects).add_root_bus("\\_SB.PCI0");
  objects.push_back(named("\\_SB.DRAC", "PNP0C01"));
  for (const std::string_view link : interrupt_links) {
    objects.push_back(named(absl::StrFormat("\\_SB.%s", link), "PNP0C0F"));
  }
  objects.push_back(named("\\_SB.HPET", "PNP0103"));
  objects.push_back(named("\\_SB.CPUS", "ACPI0010"));
  objects.push_back({.path = "\\_SB.CPUS.C000", .type = acpi_object::kind::processor});
  objects.push_back(no_device("\\_SI"));
  objects.push_back(named("\\_TZ"));
  for (const char* name : {"\\_REV", "\\_OS", "\\_GL", "\\_OSI"}) {
    objects.push_back(no_device(name));
  }
  return objects;
}

}  // namespace iommulab
