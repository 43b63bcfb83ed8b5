// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/facts/system_facts.h"

#include <utility>
#include <variant>

#include "absl/strings/str_format.h"
#include "cli/fault/facts/driver_facts.h"
#include "cli/tables/dmar_meaning.h"
#include "core/pci/search.h"
#include "kernel/kernel.h"
#include "platform/firmware/dmar_table.h"

namespace iommulab {
namespace {

void take_functions(kernel& system, system_facts& facts) {
  for (const pci_root& root : system.pci_hardware().roots()) {
    system.pci().scan_root_bus(root.segment, root.bus);
    facts.scanned_roots.insert({root.segment, root.bus, 0});
  }
  system.pci().for_each_pci_dev([&](pci_dev& pdev) {
    facts.functions[pci_source_id(pdev)] = {pdev.vendor, pdev.device_id, pdev.class_code};
  });
  system.pci().for_each_pci_dev([&](pci_dev& pdev) {
    const source_id own = pci_source_id(pdev);
    pci_for_each_dma_alias(pdev, [&](pci_dev&, uint16_t alias) {
      const source_id id = source_id::from_requester_id(own.segment, alias);
      if (id != own && facts.functions.count(id) == 0) facts.aliases[id].push_back(own);
      return 0;
    });
  });
}

void take_reserved_regions(const machine_config& machine, system_facts& facts) {
  const dmar_table table = decode_dmar(machine.dmar_table);
  if (!table.decodable) return;
  for (const dmar_structure& structure : table.structures) {
    const auto* rmrr = std::get_if<dmar_rmrr>(&structure.body);
    if (rmrr == nullptr || !structure.complete) continue;
    system_facts::range range{rmrr->base, rmrr->limit, ""};
    for (const dmar_device_scope& scope : structure.scopes) {
      if (!scope.complete) continue;
      if (!range.words.empty()) range.words += ", ";
      range.words += dmar_path_text(scope);
    }
    facts.reserved_regions.push_back(std::move(range));
  }
}

}  // namespace

absl::StatusOr<system_facts> facts_of(const kernel_profile& profile,
                                      const machine_config& machine) {
  kernel_options options;
  options.profile = &profile;
  auto system = kernel::create(machine, std::move(options));
  if (!system.ok()) return system.status();
  system_facts facts;
  facts.source = absl::StrFormat("machine '%s'", machine.name);
  facts.command_line = machine.command_line;
  facts.assumed = machine.assumed;
  take_functions(**system, facts);
  take_reserved_regions(machine, facts);
  for (const remapping_unit_config& unit : machine.units) {
    facts.units.push_back(
        {absl::StrFormat("dmar%d", facts.units.size()), unit.cap.value(), unit.ecap.value()});
  }
  for (const memory_range& range : machine.firmware_map) {
    facts.memory.push_back({range.start.value(), range.end() - 1, std::string(name(range.type))});
  }
  return facts;
}

}  // namespace iommulab
