// SPDX-License-Identifier: GPL-2.0-only
#include "platform/pci/pci_machine.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/pci/registers.h"

namespace iommulab {
namespace {

absl::Status refuse(source_id id, std::string_view why) {
  return errno_status(EINVAL, absl::StrFormat("PCI function %s: %s", to_string(id), why));
}

bool is_root(const std::vector<pci_root>& roots, source_id id) {
  return std::find(roots.begin(), roots.end(), pci_root{id.segment, id.bus}) != roots.end();
}

}  // namespace

absl::StatusOr<std::unique_ptr<pci_machine>> pci_machine::create(
    const std::vector<pci_root>& roots, const std::vector<pci_function_config>& functions) {
  std::unique_ptr<pci_machine> machine(new pci_machine);
  machine->roots_ = roots;
  for (const pci_function_config& f : functions) {
    if (f.config.size() != 256 && f.config.size() != 4096) {
      return refuse(f.id,
                    absl::StrFormat("%d bytes of config space, not 256 or 4096", f.config.size()));
    }
    if (machine->slot(f.id) != nullptr) return refuse(f.id, "the address is given twice");
    machine->functions_.push_back(std::make_unique<placed>(placed{pci_function(f), nullptr}));
  }
  for (const auto& f : machine->functions_) {
    const source_id id = f->function.description().id;
    if (is_root(roots, id)) continue;
    // A bridge leads to higher buses only, so that no bridge ends up behind itself.
    const auto above = std::find_if(
        machine->functions_.begin(), machine->functions_.end(), [&](const auto& candidate) {
          const source_id at = candidate->function.description().id;
          return candidate->function.is_bridge() && at.segment == id.segment && at.bus < id.bus &&
                 candidate->function.secondary_bus() == id.bus;
        });
    if (above == machine->functions_.end()) {
      return refuse(id, absl::StrFormat("no root bus and no bridge leads to bus %02x", id.bus));
    }
    f->bridge = above->get();
  }
  return machine;
}

void pci_machine::tell_changes_to(tracer& trace) {
  for (const auto& f : functions_) f->function.tell_changes_to(trace);
}

pci_machine::placed* pci_machine::find(source_id id) const {
  const auto here = [&](const placed& f) {
    const source_id reset = f.function.description().id;
    if (reset.segment != id.segment || reset.devfn != id.devfn) return false;
    const uint8_t bus = f.bridge == nullptr ? reset.bus : f.bridge->function.secondary_bus();
    if (bus != id.bus) return false;
    for (const placed* at = &f; at != nullptr; at = at->bridge) {
      if (!at->function.present()) return false;
      // Secondary bus 0 means that the bridge forwards nothing yet.
      if (at->bridge != nullptr && at->bridge->function.secondary_bus() == 0) return false;
    }
    return true;
  };
  for (const auto& f : functions_) {
    if (here(*f)) return f.get();
  }
  return nullptr;
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
  for (const auto& f : functions_) {
    if (f->function.description().id == id) return &f->function;
  }
  return nullptr;
}

std::vector<const pci_function*> pci_machine::functions() const {
  std::vector<const pci_function*> all;
  for (const auto& f : functions_) all.push_back(&f->function);
  return all;
}

std::vector<const pci_function*> pci_machine::bridges_above(source_id slot) const {
  std::vector<const pci_function*> bridges;
  for (const auto& f : functions_) {
    if (f->function.description().id != slot) continue;
    for (const placed* at = f->bridge; at != nullptr; at = at->bridge) {
      bridges.push_back(&at->function);
    }
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
