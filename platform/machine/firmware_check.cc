// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/firmware_check.h"

#include <vector>

#include "platform/firmware/dmar_surroundings.h"

namespace iommulab {

dmar_table decode_dmar_of(absl::Span<const uint8_t> bytes, const machine_config& machine) {
  if (bytes.empty()) return {};
  dmar_table table = decode_dmar(bytes);
  if (!table.decodable) return table;
  check_against_memory(table, machine.firmware_map);
  std::vector<phys_addr> bases;
  for (const remapping_unit_config& unit : machine.units) bases.push_back(unit.base);
  check_against_units(table, bases);
  check_against_io_apics(table, machine.io_apics);
  return table;
}

}  // namespace iommulab
