// SPDX-License-Identifier: GPL-2.0-only
#include "lab/structures/system_structures.h"

#include <array>
#include <string_view>
#include <utility>

#include "kernel/catalogue.h"
#include "lab/structures/page_owners.h"
#include "lab/structures/tables_in_memory.h"
#include "lab/structures/unit_caches.h"
#include "lab/structures/unit_queue.h"
#include "lab/structures/unit_registers.h"

namespace iommulab {
namespace {

constexpr std::array<std::string_view, 7> hardware_kinds = {
    "registers", "root", "context", "tables", "caches", "queue", "pages"};

std::vector<structure> of_unit(const tables_in_memory& tables, const vtd_unit& unit,
                               std::string_view kind) {
  if (kind == "registers") return {registers_of(unit)};
  if (kind == "root") return {root_table_structure(tables, unit)};
  if (kind == "context") return context_structures(tables, unit);
  if (kind == "caches") return {caches_of(tables, unit)};
  if (kind == "queue") return {queue_of(tables.system(), unit)};
  std::vector<structure> all;
  for (const second_level_root& root : tables.second_level_roots(unit)) {
    all.push_back(second_level_structure(tables, root));
  }
  return all;
}

structure_section hardware_section(kernel& system, std::string_view kind,
                                   const structure_query& wanted) {
  structure_section section{kind, {}};
  if (kind == "pages") {
    section.structures.push_back(pages_of(system));
    return section;
  }
  const tables_in_memory tables(system);
  for (const auto& unit : system.units()) {
    for (structure& s : of_unit(tables, *unit, kind)) {
      if (wanted.wants_name(s.name)) section.structures.push_back(std::move(s));
    }
  }
  return section;
}

}  // namespace

std::vector<std::string> system_structure_kinds() {
  std::vector<std::string> kinds = structure_kinds();
  kinds.insert(kinds.end(), hardware_kinds.begin(), hardware_kinds.end());
  return kinds;
}

std::vector<structure_section> structures_of(kernel& system, const structure_query& wanted) {
  std::vector<structure_section> sections = system.generation().structures(wanted);
  for (const std::string_view kind : hardware_kinds) {
    if (wanted.wants_kind(kind)) sections.push_back(hardware_section(system, kind, wanted));
  }
  return sections;
}

}  // namespace iommulab
