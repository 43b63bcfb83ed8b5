// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/unit_scopes.h"

#include <algorithm>
#include <optional>
#include <variant>
#include <vector>

#include "core/pci/registers.h"
#include "platform/firmware/dmar_table.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

using dmar_layout::scope_type;

/// What the table says of one unit, with paths followed to slots.
struct unit_scopes {
  size_t unit = no_unit;
  uint16_t segment = 0;
  bool include_all = false;
  std::vector<source_id> endpoints;
  std::vector<source_id> hierarchies;
};

const pci_function_config* function_at(const machine_config& machine, source_id slot) {
  for (const pci_function_config& f : machine.pci_functions) {
    if (f.id == slot) return &f;
  }
  return nullptr;
}

uint8_t secondary_bus(const pci_function_config& bridge) {
  return static_cast<uint8_t>(config_get(bridge.config, pci_reg::secondary_bus, 1));
}

bool is_bridge(const pci_function_config& function) {
  return config_get(function.config, pci_reg::header_type, pci_reg::header_layout) ==
         static_cast<uint8_t>(pci_header_type::bridge);
}

/// 8.3.1: each hop but the last is a bridge to the bus of the next. Nothing where there is none.
std::optional<source_id> follow(const machine_config& machine, uint16_t segment,
                                const dmar_device_scope& scope) {
  source_id at{segment, scope.start_bus, 0};
  for (size_t i = 0; i < scope.path.size(); ++i) {
    at.devfn = pci_devfn(scope.path[i].device, scope.path[i].function);
    if (i + 1 == scope.path.size()) return at;
    const pci_function_config* bridge = function_at(machine, at);
    if (bridge == nullptr || !is_bridge(*bridge)) return std::nullopt;
    at.bus = secondary_bus(*bridge);
  }
  return std::nullopt;
}

std::vector<unit_scopes> read_table(const machine_config& machine) {
  std::vector<unit_scopes> all;
  for (const dmar_structure& structure : decode_dmar(machine.dmar_table).structures) {
    const auto* drhd = std::get_if<dmar_drhd>(&structure.body);
    if (drhd == nullptr || !structure.complete) continue;
    unit_scopes unit;
    for (size_t i = 0; i < machine.units.size(); ++i) {
      if (machine.units[i].base == phys_addr(drhd->register_base)) unit.unit = i;
    }
    if (unit.unit == no_unit) continue;
    unit.segment = drhd->segment;
    unit.include_all = drhd->include_all();
    for (const dmar_device_scope& scope : structure.scopes) {
      const std::optional<source_id> slot = follow(machine, drhd->segment, scope);
      if (!scope.complete || !slot) continue;
      if (scope.type == static_cast<uint8_t>(scope_type::pci_endpoint)) {
        unit.endpoints.push_back(*slot);
      } else if (scope.type == static_cast<uint8_t>(scope_type::pci_sub_hierarchy)) {
        unit.hierarchies.push_back(*slot);
      }
    }
    all.push_back(unit);
  }
  return all;
}

/// The function itself and the bridges above it, the nearest first.
std::vector<source_id> way_up(const machine_config& machine, source_id slot) {
  std::vector<source_id> way = {slot};
  for (size_t i = 0; i < way.size(); ++i) {
    for (const pci_function_config& f : machine.pci_functions) {
      if (!is_bridge(f) || f.id.segment != slot.segment || f.id.bus >= way[i].bus) continue;
      if (secondary_bus(f) == way[i].bus) {
        way.push_back(f.id);
        break;
      }
    }
  }
  return way;
}

bool holds(const std::vector<source_id>& slots, source_id slot) {
  return std::find(slots.begin(), slots.end(), slot) != slots.end();
}

size_t unit_of(const std::vector<unit_scopes>& units, const std::vector<source_id>& way) {
  for (const unit_scopes& u : units) {
    if (holds(u.endpoints, way.front())) return u.unit;
  }
  for (const source_id& above : way) {
    for (const unit_scopes& u : units) {
      if (holds(u.hierarchies, above)) return u.unit;
    }
  }
  for (const unit_scopes& u : units) {
    if (u.include_all && u.segment == way.front().segment) return u.unit;
  }
  return no_unit;
}

}  // namespace

unit_of_slot units_of_functions(const machine_config& machine) {
  const auto all_seeing = std::find_if(machine.units.begin(), machine.units.end(),
                                       [](const auto& unit) { return unit.sees_all; });
  const std::vector<unit_scopes> units = read_table(machine);
  unit_of_slot result;
  for (const pci_function_config& f : machine.pci_functions) {
    const size_t unit = all_seeing != machine.units.end()
                            ? static_cast<size_t>(all_seeing - machine.units.begin())
                            : unit_of(units, way_up(machine, f.id));
    if (unit != no_unit) result.emplace(f.id, unit);
  }
  return result;
}

std::optional<source_id> slot_of_scope(const machine_config& machine, uint16_t segment,
                                       const dmar_device_scope& scope) {
  return scope.complete ? follow(machine, segment, scope) : std::nullopt;
}

}  // namespace iommulab
