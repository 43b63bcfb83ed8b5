// SPDX-License-Identifier: GPL-2.0-only
#include "support/small_machine.h"

#include <utility>

namespace iommulab::test {

pci_function_config plain_function(source_id where, uint16_t vendor, uint16_t device,
                                   uint32_t class_code) {
  return function_builder(where, vendor, device, class_code).build();
}

pci_function_config isa_bridge(source_id where) {
  return plain_function(where, 0x8086, 0x2918, 0x060100);
}

small_machine::small_machine() {
  add_unit(small_unit_base);
  functions.push_back(plain_function(at(0, 0), 0x8086, 0x29c0, 0x060000));
  functions.push_back(
      function_builder(nic, 0x8086, 0x10d3, 0x020000).memory_bar(0, 0xfeb00000, 0x20000).build());
}

small_machine& small_machine::set_cap(vtd::cap_register cap) {
  units.front().cap = cap;
  return *this;
}

small_machine& small_machine::set_ecap(vtd::ecap_register ecap) {
  units.front().ecap = ecap;
  return *this;
}

small_machine& small_machine::add_unit(uint64_t base, vtd::cap_register cap,
                                       vtd::ecap_register ecap) {
  remapping_unit_config unit;
  unit.base = phys_addr(base);
  unit.cap = cap;
  unit.ecap = ecap;
  units.push_back(unit);
  return *this;
}

small_machine& small_machine::add_unit_for_others(vtd::cap_register cap, vtd::ecap_register ecap) {
  constexpr uint8_t include_all = 1;
  const dmar_scope_spec of_nic[] = {dmar_scope_spec::endpoint(0, {{nic.device(), 0}})};
  table = dmar_builder(39)
              .add_drhd(0, 0, small_unit_base, of_nic)
              .add_drhd(include_all, 0, other_unit_base)
              .finish();
  return add_unit(other_unit_base, cap, ecap);
}

small_machine& small_machine::add_function(pci_function_config function) {
  functions.push_back(std::move(function));
  return *this;
}

machine_config small_machine::build() const {
  machine_config machine;
  machine.name = "small";
  machine.memory = {{phys_addr(0), ram, memory_range::kind::ram}};
  machine.firmware_map = machine.memory;
  machine.units = units;
  machine.pci_roots = roots;
  machine.pci_functions = functions;
  machine.dmi = {"Maker", "1.2", "Product"};
  machine.dmar_table = table;
  if (table.empty()) {
    constexpr uint8_t include_all = 1;
    machine.dmar_table = dmar_builder(39).add_drhd(include_all, 0, small_unit_base).finish();
  }
  return machine;
}

}  // namespace iommulab::test
