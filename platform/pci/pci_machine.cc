// SPDX-License-Identifier: GPL-2.0-only
#include "platform/pci/pci_machine.h"

#include <cerrno>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/pci/registers.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

absl::Status refuse(source_id id, std::string_view why) {
  return errno_status(EINVAL, absl::StrFormat("PCI function %s: %s", to_string(id), why));
}

source_id bus_of(uint16_t segment, uint8_t number) {
  return {segment, number, 0};
}

/// The bus that a bridge leads to after reset, by which the slots behind it are named.
uint8_t first_secondary_bus(const pci_function_config& bridge) {
  return static_cast<uint8_t>(config_get(bridge.config, pci_reg::secondary_bus, 1));
}

}  // namespace

absl::StatusOr<std::unique_ptr<pci_machine>> pci_machine::create(
    const std::vector<pci_root>& roots, const std::vector<pci_function_config>& functions) {
  std::unique_ptr<pci_machine> machine(new pci_machine);
  machine->roots_ = roots;
  for (const pci_function_config& f : functions) {
    if (absl::Status status = machine->place(f); !status.ok()) return status;
  }
  const std::set<pci_root> known_roots(roots.begin(), roots.end());
  for (const auto& f : machine->functions_) {
    const source_id id = f->function.description().id;
    if (known_roots.contains({id.segment, id.bus})) continue;
    if (absl::Status status = machine->wire(*f); !status.ok()) return status;
  }
  return machine;
}

absl::Status pci_machine::place(const pci_function_config& f) {
  if (f.config.size() != 256 && f.config.size() != 4096) {
    return refuse(f.id,
                  absl::StrFormat("%d bytes of config space, not 256 or 4096", f.config.size()));
  }
  if (placed_at(f.id) != nullptr) return refuse(f.id, "the address is given twice");
  functions_.push_back(
      std::make_unique<placed>(placed{pci_function(f), nullptr, functions_.size()}));
  placed& made = *functions_.back();
  slots_.emplace(f.id, &made);
  if (!made.function.is_bridge()) return absl::OkStatus();
  add_bridge(made);
  made.function.tell_numbers_to([this, &made](uint8_t before) { move_bridge(made, before); });
  return absl::OkStatus();
}

/// Finds the bridge that the slot is behind.
absl::Status pci_machine::wire(placed& f) {
  const source_id id = f.function.description().id;
  // A bridge leads to higher buses only, so that no bridge ends up behind itself.
  const auto candidates = leading_to_.find(bus_of(id.segment, id.bus));
  if (candidates != leading_to_.end()) {
    for (const placed* const bridge : candidates->second) {
      if (bridge->function.description().id.bus >= id.bus) continue;
      f.bridge = bridge;
      return absl::OkStatus();
    }
  }
  return refuse(id, absl::StrFormat("no root bus and no bridge leads to bus %02x", id.bus));
}

void pci_machine::add_bridge(placed& bridge) {
  const uint8_t bus = bridge.function.secondary_bus();
  if (bus == 0) return;  // nothing is forwarded yet
  leading_to_[bus_of(bridge.function.description().id.segment, bus)].push_back(&bridge);
}

void pci_machine::move_bridge(placed& bridge, uint8_t bus_before) {
  ++renumberings_;
  std::erase(leading_to_[bus_of(bridge.function.description().id.segment, bus_before)], &bridge);
  add_bridge(bridge);
}

void pci_machine::tell_changes_to(tracer& trace) {
  for (const auto& f : functions_) f->function.tell_changes_to(trace);
}

pci_machine::placed* pci_machine::placed_at(source_id slot) const {
  const auto found = slots_.find(slot);
  return found == slots_.end() ? nullptr : found->second;
}

/// Whether a request for the function gets there: it and all bridges above are present and forward.
bool pci_machine::reached(const placed& function) {
  for (const placed* at = &function; at != nullptr; at = at->bridge) {
    if (!at->function.present()) return false;
    // Secondary bus 0 means that the bridge forwards nothing yet.
    if (at->bridge != nullptr && at->bridge->function.secondary_bus() == 0) return false;
  }
  return true;
}

/// Where several bridges claim the bus, the first function in the machine's order answers.
pci_machine::placed* pci_machine::find(source_id id) const {
  placed* first = nullptr;
  const auto consider = [&](source_id slot, const placed* bridge) {
    placed* const f = placed_at(slot);
    if (f == nullptr || f->bridge != bridge || !reached(*f)) return;
    if (first == nullptr || f->order < first->order) first = f;
  };
  consider(id, nullptr);
  const auto bridges = leading_to_.find(bus_of(id.segment, id.bus));
  if (bridges == leading_to_.end()) return first;
  for (const placed* const bridge : bridges->second) {
    const uint8_t bus_of_slots = first_secondary_bus(bridge->function.description());
    consider({id.segment, bus_of_slots, id.devfn}, bridge);
  }
  return first;
}

pci_config_space* pci_machine::config(source_id id) {
  placed* f = find(id);
  return f == nullptr ? nullptr : &f->function;
}

const pci_resource_table* pci_machine::recorded_resources(source_id id) {
  const placed* f = find(id);
  if (f == nullptr || !f->function.description().resources.has_value()) return nullptr;
  return &*f->function.description().resources;
}

pci_firmware_properties pci_machine::firmware_properties(source_id id) {
  const placed* f = find(id);
  return f == nullptr ? pci_firmware_properties{} : f->function.description().firmware;
}

uint32_t pci_machine::read_memory32(uint64_t address) {
  const auto it = chipset_registers_.find(address);
  return it == chipset_registers_.end() ? 0 : it->second;
}

void pci_machine::write_memory32(uint64_t address, uint32_t value) {
  chipset_registers_[address] = value;
}

pci_function* pci_machine::slot(source_id id) {
  placed* const found = placed_at(id);
  return found == nullptr ? nullptr : &found->function;
}

std::vector<const pci_function*> pci_machine::functions() const {
  std::vector<const pci_function*> all;
  for (const auto& f : functions_) all.push_back(&f->function);
  return all;
}

std::vector<const pci_function*> pci_machine::bridges_above(source_id slot) const {
  std::vector<const pci_function*> bridges;
  const placed* const found = placed_at(slot);
  if (found == nullptr) return bridges;
  for (const placed* at = found->bridge; at != nullptr; at = at->bridge) {
    bridges.push_back(&at->function);
  }
  return bridges;
}

absl::Status pci_machine::set_present(source_id id, bool present) {
  pci_function* function = slot(id);
  if (function == nullptr) {
    return errno_status(ENODEV, absl::StrFormat("PCI function %s: no such slot", to_string(id)));
  }
  function->set_present(present);
  return absl::OkStatus();
}

}  // namespace iommulab
