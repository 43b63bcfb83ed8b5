// SPDX-License-Identifier: GPL-2.0-only
#include "lab/groups/served_machine.h"

#include <variant>

#include "platform/firmware/dmar_table.h"

namespace iommulab {

machine_config served_machine(const grouped_machine& machine) {
  machine_config served;
  served.dmar_table = machine.dmar_table;
  served.pci_roots = machine.roots;
  served.pci_functions = machine.functions;
  const dmar_table table = decode_dmar(machine.dmar_table);
  for (const auto& structure : table.structures) {
    if (const auto* drhd = std::get_if<dmar_drhd>(&structure.body)) {
      served.units.push_back({.base = phys_addr(drhd->register_base), .cap = {}, .ecap = {}});
    }
  }
  return served;
}

}  // namespace iommulab
