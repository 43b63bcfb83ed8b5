// SPDX-License-Identifier: GPL-2.0-only
#include "lab/structures/driver_unit.h"

#include <utility>
#include <vector>

#include "lab/structures/value_access.h"

namespace iommulab {
namespace {

phys_addr base_of(kernel& system, const vtd_unit& unit) {
  size_t place = 0;
  while (system.units()[place].get() != &unit) ++place;
  return system.machine().units[place].base;
}

std::optional<structure> unit_at(std::vector<structure_section> sections, phys_addr base) {
  for (structure_section& section : sections) {
    for (structure& s : section.structures) {
      if (number_in(s, "reg_phys") == base.value()) return std::move(s);
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<structure> driver_unit(kernel& system, const vtd_unit& unit, std::string_view field) {
  // Nearly always both call it the same; a unit that the driver refused shifts the numbers.
  const phys_addr base = base_of(system, unit);
  auto named =
      unit_at(system.generation().structures({"intel_iommu", unit.config().name, field}), base);
  if (named) return named;
  return unit_at(system.generation().structures({"intel_iommu", {}, field}), base);
}

}  // namespace iommulab
