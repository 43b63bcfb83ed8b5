// SPDX-License-Identifier: GPL-2.0-only
//
// Root, context and second-level entries as they lie in memory now, whatever the unit has cached.
//
// Before the driver gave the unit its root table (GCMD.SRTP), these are the tables that it is
// building: intel_iommu.root_entry.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/structure.h"
#include "kernel/kernel.h"
#include "platform/vtd/spec/entries.h"
#include "platform/vtd/spec/pasid_entry.h"

namespace iommulab {

/// A non-zero second-level table below a context entry.
struct second_level_root {
  const vtd_unit* unit = nullptr;
  uint16_t source = 0;  ///< of the first context entry that names it
  domain_id domain;
  phys_addr table;
  unsigned levels = 0;
};

/// Good for one look: what it has asked, it does not ask again.
class tables_in_memory {
 public:
  /// AW has codes for more, which are reserved.
  static constexpr unsigned most_levels = 5;

  explicit tables_in_memory(kernel& system) : system_(system) {}

  /// Where the unit's tables begin: latched, or the driver's; 0 when there is none.
  [[nodiscard]] phys_addr root_table(const vtd_unit& unit) const;
  /// Nothing where there is no table.
  [[nodiscard]] std::optional<vtd::root_entry> root_entry(const vtd_unit& unit, uint8_t bus) const;
  [[nodiscard]] std::optional<vtd::context_entry> context_entry(const vtd_unit& unit,
                                                                uint16_t source) const;
  /// The lowest entry on the way to an address, the first that is not present or a leaf.
  struct found_entry {
    vtd::second_level_entry entry;
    phys_addr table;
    unsigned index = 0;
    unsigned level = 0;
    uint64_t rights = 0;  ///< R and W that all entries down to it grant
  };
  [[nodiscard]] std::optional<found_entry> second_level(phys_addr table, unsigned levels,
                                                        uint64_t address) const;
  /// The entry at `level` on the way, if the way leads there.
  [[nodiscard]] std::optional<found_entry> entry_at(phys_addr table, unsigned levels,
                                                    uint64_t address, unsigned level) const;
  /// Each table that present context entries of a unit name, once.
  [[nodiscard]] std::vector<second_level_root> second_level_roots(const vtd_unit& unit) const;
  /// Whether the root leads to scalable mode's tables.
  [[nodiscard]] static bool is_scalable(const vtd_unit& unit) {
    return unit.table_mode() == vtd::table_mode::scalable;
  }
  /// The same of scalable mode: context entries, and the PASID table entries below one.
  void for_each_scalable_context(
      const vtd_unit& unit,
      const std::function<void(uint16_t, const vtd::scalable_context_entry&)>& f) const;
  void for_each_pasid(const vtd::scalable_context_entry& context,
                      const std::function<void(uint32_t, const vtd::pasid_entry&)>& f) const;
  /// Calls `f` with each present context entry's source id and the entry, in ascending order; of
  /// legacy mode.
  template <typename F>
  void for_each_context(const vtd_unit& unit, F f) const {
    if (is_scalable(unit)) return;
    for (unsigned source = 0; source < 0x10000; ++source) {
      const auto bus = static_cast<uint8_t>(source >> 8);
      if ((source & 0xff) == 0 && !has_contexts(unit, bus)) {
        source |= 0xff;
        continue;
      }
      const auto entry = context_entry(unit, static_cast<uint16_t>(source));
      if (entry && entry->present()) f(static_cast<uint16_t>(source), *entry);
    }
  }

  /// The driver's domain that the unit knows by this id; an empty name when there is none.
  [[nodiscard]] structure_link domain_of(const vtd_unit& unit, domain_id id) const;
  /// "0000:00:1f.0": the function whose requests bear that id and reach the unit.
  [[nodiscard]] std::string device_at(const vtd_unit& unit, uint16_t source) const;

  [[nodiscard]] kernel& system() const { return system_; }

 private:
  /// What the driver was asked about a unit: once, for it takes longest.
  struct driver_facts {
    const vtd_unit* unit = nullptr;
    std::optional<phys_addr> root;
    std::optional<uint16_t> segment;
    std::optional<structure> domains;
  };
  [[nodiscard]] bool has_contexts(const vtd_unit& unit, uint8_t bus) const;
  [[nodiscard]] driver_facts& facts_of(const vtd_unit& unit) const;

  kernel& system_;
  mutable std::deque<driver_facts> facts_;
};

// The same as structures.

structure root_entry_structure(const tables_in_memory& tables, const vtd_unit& unit, uint8_t bus,
                               vtd::root_entry entry);
/// Of the present entries of all buses.
structure root_table_structure(const tables_in_memory& tables, const vtd_unit& unit);
/// `field`: the only one that is looked at, or empty.
structure context_entry_structure(const tables_in_memory& tables, const vtd_unit& unit,
                                  uint16_t source, vtd::context_entry entry,
                                  std::string_view field = {});
/// The present entries of a unit, in scalable mode with their PASIDs'.
std::vector<structure> context_structures(const tables_in_memory& tables, const vtd_unit& unit);
std::vector<structure> scalable_context_structures(const tables_in_memory& tables,
                                                   const vtd_unit& unit);
/// Each second-level table that PASID table entries of a unit name, once.
std::vector<second_level_root> scalable_roots(const tables_in_memory& tables, const vtd_unit& unit);
/// What a unit's caches of scalable mode hold.
structure_list scalable_context_cache_entries(const tables_in_memory& tables, const vtd_unit& unit);
structure_list pasid_cache_entries(const tables_in_memory& tables, const vtd_unit& unit);
structure_list first_level_entries(const vtd_unit& unit);
/// `address`: any that the entry is on the way of.
structure pte_structure(const vtd_unit& unit, const tables_in_memory::found_entry& found,
                        uint64_t address);
/// What a table translates, pages that lie one behind the other on both sides as one range.
structure second_level_structure(const tables_in_memory& tables, const second_level_root& root);

}  // namespace iommulab
