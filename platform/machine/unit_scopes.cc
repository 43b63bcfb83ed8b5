// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/unit_scopes.h"

#include <algorithm>
#include <optional>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "core/pci/registers.h"
#include "platform/firmware/dmar_table.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

using dmar_layout::scope_type;

uint8_t secondary_bus(const pci_function_config& bridge) {
  return static_cast<uint8_t>(config_get(bridge.config, pci_reg::secondary_bus, 1));
}

bool is_bridge(const pci_function_config& function) {
  return config_get(function.config, pci_reg::header_type, pci_reg::header_layout) ==
         static_cast<uint8_t>(pci_header_type::bridge);
}

source_id bus_of(uint16_t segment, uint8_t number) {
  return {segment, number, 0};
}

/// A machine's functions by where they are.
class function_index {
 public:
  explicit function_index(const machine_config& machine) {
    for (const pci_function_config& f : machine.pci_functions) {
      functions_.emplace(f.id, &f);
      if (is_bridge(f)) bridges_[bus_of(f.id.segment, secondary_bus(f))].push_back(f.id);
    }
  }

  /// Null where there is none.
  [[nodiscard]] const pci_function_config* function_at(source_id slot) const {
    const auto found = functions_.find(slot);
    return found == functions_.end() ? nullptr : found->second;
  }
  /// The bridge that leads to the bus, from a lower one.
  [[nodiscard]] std::optional<source_id> bridge_above(source_id bus) const {
    const auto found = bridges_.find(bus);
    if (found == bridges_.end()) return std::nullopt;
    const auto first = std::find_if(found->second.begin(), found->second.end(),
                                    [&](source_id bridge) { return bridge.bus < bus.bus; });
    return first == found->second.end() ? std::nullopt : std::optional(*first);
  }

 private:
  absl::flat_hash_map<source_id, const pci_function_config*> functions_;
  absl::flat_hash_map<source_id, std::vector<source_id>> bridges_;  ///< by the bus behind them
};

/// 8.3.1: each hop but the last is a bridge to the bus of the next. Nothing where there is none.
std::optional<source_id> follow(const function_index& functions, uint16_t segment,
                                const dmar_device_scope& scope) {
  source_id at{segment, scope.start_bus, 0};
  for (size_t i = 0; i < scope.path.size(); ++i) {
    at.devfn = pci_devfn(scope.path[i].device, scope.path[i].function);
    if (i + 1 == scope.path.size()) return at;
    const pci_function_config* bridge = functions.function_at(at);
    if (bridge == nullptr || !is_bridge(*bridge)) return std::nullopt;
    at.bus = secondary_bus(*bridge);
  }
  return std::nullopt;
}

/// What the table says of all units, with paths followed to slots. The first unit that names
/// something has it.
class scopes_of_units {
 public:
  explicit scopes_of_units(const machine_config& machine) : functions_(machine) {
    absl::flat_hash_map<uint64_t, size_t> units;
    for (size_t i = 0; i < machine.units.size(); ++i) units[machine.units[i].base.value()] = i;
    for (const dmar_structure& structure : decode_dmar(machine.dmar_table).structures) {
      const auto* drhd = std::get_if<dmar_drhd>(&structure.body);
      if (drhd == nullptr || !structure.complete) continue;
      const auto unit = units.find(drhd->register_base);
      if (unit != units.end()) add(unit->second, *drhd, structure.scopes);
    }
  }

  /// `no_unit` for none.
  [[nodiscard]] size_t unit_of(source_id slot) {
    if (const auto found = endpoints_.find(slot); found != endpoints_.end()) return found->second;
    if (const auto found = hierarchies_.find(slot); found != hierarchies_.end()) {
      return found->second;
    }
    const size_t above = unit_of_bus(bus_of(slot.segment, slot.bus));
    if (above != no_unit) return above;
    const auto all = include_all_.find(slot.segment);
    return all == include_all_.end() ? no_unit : all->second;
  }

 private:
  void add(size_t unit, const dmar_drhd& drhd, absl::Span<const dmar_device_scope> scopes) {
    if (drhd.include_all()) include_all_.emplace(drhd.segment, unit);
    for (const dmar_device_scope& scope : scopes) {
      const std::optional<source_id> slot = follow(functions_, drhd.segment, scope);
      if (!scope.complete || !slot) continue;
      if (scope.type == static_cast<uint8_t>(scope_type::pci_endpoint)) {
        endpoints_.emplace(*slot, unit);
      } else if (scope.type == static_cast<uint8_t>(scope_type::pci_sub_hierarchy)) {
        hierarchies_.emplace(*slot, unit);
      }
    }
  }

  /// The unit that has the nearest bridge above the bus as a sub-hierarchy.
  size_t unit_of_bus(source_id bus) {
    if (const auto known = buses_.find(bus); known != buses_.end()) return known->second;
    size_t unit = no_unit;
    if (const std::optional<source_id> bridge = functions_.bridge_above(bus)) {
      const auto found = hierarchies_.find(*bridge);
      unit = found != hierarchies_.end() ? found->second
                                         : unit_of_bus(bus_of(bridge->segment, bridge->bus));
    }
    buses_.emplace(bus, unit);
    return unit;
  }

  function_index functions_;
  absl::flat_hash_map<source_id, size_t> endpoints_;
  absl::flat_hash_map<source_id, size_t> hierarchies_;
  absl::flat_hash_map<uint16_t, size_t> include_all_;  ///< by segment
  absl::flat_hash_map<source_id, size_t> buses_;       ///< answers of unit_of_bus()
};

}  // namespace

unit_of_slot units_of_functions(const machine_config& machine) {
  const auto all_seeing = std::find_if(machine.units.begin(), machine.units.end(),
                                       [](const auto& unit) { return unit.sees_all; });
  unit_of_slot result;
  if (all_seeing != machine.units.end()) {
    const auto unit = static_cast<size_t>(all_seeing - machine.units.begin());
    for (const pci_function_config& f : machine.pci_functions) result.emplace(f.id, unit);
    return result;
  }
  scopes_of_units scopes(machine);
  for (const pci_function_config& f : machine.pci_functions) {
    const size_t unit = scopes.unit_of(f.id);
    if (unit != no_unit) result.emplace(f.id, unit);
  }
  return result;
}

std::optional<source_id> slot_of_scope(const machine_config& machine, uint16_t segment,
                                       const dmar_device_scope& scope) {
  return scope.complete ? follow(function_index(machine), segment, scope) : std::nullopt;
}

}  // namespace iommulab
