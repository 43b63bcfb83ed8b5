// SPDX-License-Identifier: GPL-2.0-only
#include "lab/structures/tables_in_memory.h"

#include <algorithm>
#include <utility>

#include "lab/structures/driver_unit.h"
#include "lab/structures/value_access.h"
#include "platform/vtd/spec/capability.h"

namespace iommulab {

using vtd::second_level_entry;

phys_addr tables_in_memory::root_table(const vtd_unit& unit) const {
  if (unit.root_table() != phys_addr()) return unit.root_table();
  std::optional<phys_addr>& known = facts_of(unit).root;
  if (!known) {
    const auto driver = driver_unit(system_, unit, "root_entry");
    known = phys_addr(driver ? number_in(*driver, "root_entry") : 0);
  }
  return *known;
}

tables_in_memory::driver_facts& tables_in_memory::facts_of(const vtd_unit& unit) const {
  for (driver_facts& facts : facts_) {
    if (facts.unit == &unit) return facts;
  }
  facts_.push_back({&unit, {}, {}, {}});
  return facts_.back();
}

std::string tables_in_memory::device_at(const vtd_unit& unit, uint16_t source) const {
  std::optional<uint16_t>& segment = facts_of(unit).segment;
  if (!segment) {
    const auto driver = driver_unit(system_, unit, "segment");
    segment = static_cast<uint16_t>(driver ? number_in(*driver, "segment") : 0);
  }
  return to_string(source_id::from_requester_id(*segment, source));
}

std::optional<vtd::root_entry> tables_in_memory::root_entry(const vtd_unit& unit,
                                                            uint8_t bus) const {
  const phys_addr table = root_table(unit);
  if (table == phys_addr()) return std::nullopt;
  const auto* entry =
      system_.memory().object_at<vtd::root_entry>(table + bus * sizeof(vtd::root_entry));
  return entry == nullptr ? std::nullopt : std::optional(*entry);
}

bool tables_in_memory::has_contexts(const vtd_unit& unit, uint8_t bus) const {
  const auto root = root_entry(unit, bus);
  return root && root->present();
}

std::optional<vtd::context_entry> tables_in_memory::context_entry(const vtd_unit& unit,
                                                                  uint16_t source) const {
  const auto root = root_entry(unit, static_cast<uint8_t>(source >> 8));
  if (!root || !root->present()) return std::nullopt;
  const uint64_t offset = (source & 0xffu) * sizeof(vtd::context_entry);
  const auto* entry =
      system_.memory().object_at<vtd::context_entry>(root->context_table() + offset);
  return entry == nullptr ? std::nullopt : std::optional(*entry);
}

std::optional<tables_in_memory::found_entry> tables_in_memory::entry_at(phys_addr table,
                                                                        unsigned levels,
                                                                        uint64_t address,
                                                                        unsigned level) const {
  if (levels > most_levels) return std::nullopt;
  found_entry found;
  found.rights = mask_of(second_level_entry::r, second_level_entry::w);
  found.table = table;
  for (unsigned at = levels; at >= 1; --at) {
    found.level = at;
    found.index = second_level_entry::index_of(address, at);
    const auto* entry = system_.memory().object_at<second_level_entry>(
        found.table + found.index * sizeof(second_level_entry));
    if (entry == nullptr) return std::nullopt;
    found.entry = *entry;
    found.rights &= entry->rights();
    if (at == level) return found;
    if (!entry->present() || entry->is_leaf(at)) {
      return level == 0 ? std::optional(found) : std::nullopt;
    }
    found.table = entry->address();
  }
  return std::nullopt;
}

std::optional<tables_in_memory::found_entry> tables_in_memory::second_level(
    phys_addr table, unsigned levels, uint64_t address) const {
  constexpr unsigned the_lowest = 0;
  return entry_at(table, levels, address, the_lowest);
}

std::vector<second_level_root> tables_in_memory::second_level_roots(const vtd_unit& unit) const {
  if (is_scalable(unit)) return scalable_roots(*this, unit);
  std::vector<second_level_root> roots;
  for_each_context(unit, [&](uint16_t source, const vtd::context_entry& entry) {
    const unsigned levels = vtd::levels_of(entry.address_width());
    if (entry.type() == vtd::translation_type::pass_through || levels > most_levels) return;
    const phys_addr table = entry.address_root();
    const bool known = std::any_of(roots.begin(), roots.end(),
                                   [&](const second_level_root& r) { return r.table == table; });
    if (known) return;
    roots.push_back({&unit, source, entry.domain(), table, levels});
  });
  return roots;
}

namespace {

/// The domains that a unit knows, by id: its own list of them; or, of a kernel in which each domain
/// says on which units it is, a list of the same form.
structure domains_on_unit(kernel& system, const vtd_unit& unit) {
  const std::optional<structure> driver = driver_unit(system, unit, "domains");
  if (!driver || list_in(*driver, "domains") != nullptr) return driver.value_or(structure{});
  structure_list found;
  for (const structure_section& section :
       system.generation().structures({"dmar_domain", {}, "iommu_array"})) {
    for (const structure& domain : section.structures) {
      const structure_list* units = list_in(domain, "iommu_array");
      if (units == nullptr) continue;
      for (const structure_value& item : *units) {
        const auto* info = std::get_if<structure>(&item);
        const structure_link* on = info == nullptr ? nullptr : link_in(*info, "iommu");
        if (on == nullptr || on->name != driver->name) continue;
        structure entry{"", "", {}};
        entry.add("id", number_in(*info, "did"));
        entry.add("domain", structure_link{"dmar_domain", domain.name});
        found.emplace_back(std::move(entry));
      }
    }
  }
  structure s{"intel_iommu", driver->name, {}};
  s.add("domains", std::move(found));
  return s;
}

}  // namespace

structure_link tables_in_memory::domain_of(const vtd_unit& unit, domain_id id) const {
  const structure_link none{"dmar_domain", ""};
  std::optional<structure>& known = facts_of(unit).domains;
  if (!known) known = domains_on_unit(system_, unit);
  const structure_list* domains = list_in(*known, "domains");
  if (domains == nullptr) return none;
  for (const structure_value& item : *domains) {
    const auto* entry = std::get_if<structure>(&item);
    if (entry == nullptr || number_in(*entry, "id") != id.value()) continue;
    const structure_link* link = link_in(*entry, "domain");
    return link == nullptr ? none : *link;
  }
  return none;
}

}  // namespace iommulab
