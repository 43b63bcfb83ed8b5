// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lab/structures/tables_in_memory.h"
#include "lab/structures/value_access.h"
#include "platform/vtd/spec/capability.h"

namespace iommulab {
namespace {

using vtd::pasid_entry;
using vtd::scalable_context_entry;
using vtd::scalable_root_entry;

std::string type_of_translation(vtd::pasid_translation type) {
  switch (type) {
    case vtd::pasid_translation::first_level:
      return "first level";
    case vtd::pasid_translation::second_level:
      return "second level";
    case vtd::pasid_translation::nested:
      return "first level, under the second level";
    case vtd::pasid_translation::pass_through:
      return "pass-through";
  }
  return "reserved";
}

/// Bits of all words that are set and reserved.
template <typename Entry>
uint64_t reserved_in(const Entry& entry, const vtd_config& config) {
  uint64_t set = 0;
  for (size_t word = 0; word < entry.q.size(); ++word) {
    set |= entry.q[word] & Entry::reserved(word, config.host_address_width, config.ecap);
  }
  return set;
}

void add_refused(structure& s, uint64_t reserved) {
  s.add("reserved", reserved, reserved == 0 ? "" : "the unit refuses the entry");
}

structure pasid_structure(const tables_in_memory& tables, const vtd_unit& unit,
                          const std::string& device, uint32_t pasid, const pasid_entry& entry) {
  structure s{"pasid_entry", absl::StrFormat("%s %s %d", unit.config().name, device, pasid), {}};
  for (size_t word = 0; word < 3; ++word) s.add(absl::StrFormat("q%d", word), entry.q[word]);
  s.add("PASID", uint64_t{pasid});
  s.add("P", bit(entry.present()), "present");
  s.add("FPD", bit(entry.fault_processing_disabled()),
        entry.fault_processing_disabled() ? "faults are not recorded" : "");
  s.add("PGTT", static_cast<uint64_t>(entry.type()), type_of_translation(entry.type()));
  s.add("DID", uint64_t{entry.domain().value()}, "domain id");
  const unsigned code = entry.address_width();
  s.add("AW", uint64_t{code},
        absl::StrFormat("%d bits, %d levels", vtd::width_of(code), vtd::levels_of(code)));
  s.add("SLPTPTR", entry.second_level().value(), "second-level table");
  s.add("SLADE", bit(entry.second_level_dirty()));
  s.add("FLPM", uint64_t{entry.first_level_mode()},
        entry.first_level_mode() == 0 ? "4 levels" : "5 levels");
  s.add("FLPTPTR", entry.first_level().value(), "first-level table");
  s.add("SRE", bit(entry.supervisor_requests())).add("WPE", bit(entry.write_protect()));
  s.add("EAFE", bit(entry.extended_accessed()));
  s.add("PWSNP", bit(entry.page_walk_snoop())).add("PGSNP", bit(entry.page_snoop()));
  add_refused(s, reserved_in(entry, unit.config()));
  s.add("domain", tables.domain_of(unit, entry.domain()));
  return s;
}

}  // namespace

void tables_in_memory::for_each_scalable_context(
    const vtd_unit& unit,
    const std::function<void(uint16_t, const scalable_context_entry&)>& f) const {
  const phys_addr root = root_table(unit);
  if (!is_scalable(unit) || root == phys_addr()) return;
  constexpr unsigned in_half = scalable_root_entry::scalable_context_entries;
  for (unsigned half = 0; half < 2 * vtd::root_entries_per_table; ++half) {
    const auto* word = system_.memory().object_at<uint64_t>(root + half * sizeof(uint64_t));
    if (word == nullptr || !scalable_root_entry::present(*word)) continue;
    for (unsigned i = 0; i < in_half; ++i) {
      const auto* entry = system_.memory().object_at<scalable_context_entry>(
          scalable_root_entry::context_table(*word) + i * sizeof(scalable_context_entry));
      if (entry != nullptr && entry->present())
        f(static_cast<uint16_t>(half * in_half + i), *entry);
    }
  }
}

void tables_in_memory::for_each_pasid(
    const scalable_context_entry& context,
    const std::function<void(uint32_t, const pasid_entry&)>& f) const {
  for (uint32_t at = 0; at < context.pasids(); at += vtd::pasid_entries_per_table) {
    const auto* link = system_.memory().object_at<vtd::pasid_directory_entry>(
        context.directory() +
        vtd::pasid_directory_entry::index_of(at) * sizeof(vtd::pasid_directory_entry));
    if (link == nullptr || !link->present()) continue;
    for (uint32_t i = 0; i < vtd::pasid_entries_per_table; ++i) {
      const auto* entry =
          system_.memory().object_at<pasid_entry>(link->table() + i * sizeof(pasid_entry));
      if (entry != nullptr && entry->present()) f(at + i, *entry);
    }
  }
}

std::vector<structure> scalable_context_structures(const tables_in_memory& tables,
                                                   const vtd_unit& unit) {
  std::vector<structure> all;
  tables.for_each_scalable_context(unit, [&](uint16_t source, const scalable_context_entry& entry) {
    const std::string device = tables.device_at(unit, source);
    structure s{"context_entry", absl::StrCat(unit.config().name, " ", device), {}};
    s.add("q0", entry.q[0]).add("q1", entry.q[1]);
    s.add("P", bit(entry.present()), "present");
    s.add("FPD", bit(entry.fault_processing_disabled()),
          entry.fault_processing_disabled() ? "faults are not recorded" : "");
    s.add("DTE", bit(entry.device_tlb())).add("PASIDE", bit(entry.pasid_enabled()));
    s.add("PRE", bit(entry.page_requests()));
    s.add("PDTS", uint64_t{entry.directory_size_code()},
          absl::StrFormat("%d PASIDs", entry.pasids()));
    s.add("PASIDDIRPTR", entry.directory().value(), "PASID directory");
    s.add("RID_PASID", uint64_t{entry.request_pasid()}, "PASID of requests without one");
    add_refused(s, reserved_in(entry, unit.config()));
    s.add("device", structure_link{"device", device});
    structure_list pasids;
    tables.for_each_pasid(entry, [&](uint32_t pasid, const pasid_entry& of) {
      pasids.emplace_back(pasid_structure(tables, unit, device, pasid, of));
    });
    s.add("pasids", std::move(pasids));
    all.push_back(std::move(s));
  });
  return all;
}

std::vector<second_level_root> scalable_roots(const tables_in_memory& tables,
                                              const vtd_unit& unit) {
  std::vector<second_level_root> roots;
  tables.for_each_scalable_context(unit, [&](uint16_t source,
                                             const scalable_context_entry& context) {
    tables.for_each_pasid(context, [&](uint32_t /*pasid*/, const pasid_entry& entry) {
      const bool walks = entry.type() == vtd::pasid_translation::second_level ||
                         entry.type() == vtd::pasid_translation::nested;
      const unsigned levels = vtd::levels_of(entry.address_width());
      if (!walks || levels > tables_in_memory::most_levels) return;
      const phys_addr table = entry.second_level();
      const bool known = std::any_of(roots.begin(), roots.end(),
                                     [&](const second_level_root& r) { return r.table == table; });
      if (!known) roots.push_back({&unit, source, entry.domain(), table, levels});
    });
  });
  return roots;
}

structure_list pasid_cache_entries(const tables_in_memory& tables, const vtd_unit& unit) {
  structure_list list;
  unit.caches().pasids.for_each([&](uint16_t source, uint32_t pasid, const pasid_context& cached) {
    structure entry{"entry", absl::StrFormat("[%s:%d]", tables.device_at(unit, source), pasid), {}};
    entry.add("DID", uint64_t{cached.domain.value()}, "domain id");
    entry.add("PGTT", static_cast<uint64_t>(cached.type), type_of_translation(cached.type));
    entry.add("SLPTPTR", cached.second.table).add("levels", int64_t{cached.second.levels});
    entry.add("FLPTPTR", cached.first_table).add("first_levels", int64_t{cached.first_levels});
    entry.add("reason", uint64_t{static_cast<uint8_t>(cached.reason)},
              cached.failed() ? std::string(vtd::name(cached.reason)) : "");
    list.emplace_back(std::move(entry));
  });
  return list;
}

structure_list scalable_context_cache_entries(const tables_in_memory& tables,
                                              const vtd_unit& unit) {
  structure_list list;
  unit.caches().scalable_contexts.for_each([&](uint16_t source, const scalable_context& cached) {
    structure entry{"entry", absl::StrCat("[", tables.device_at(unit, source), "]"), {}};
    entry.add("PASIDDIRPTR", cached.directory).add("pasids", uint64_t{cached.pasids});
    entry.add("RID_PASID", uint64_t{cached.request_pasid});
    entry.add("DTE", bit(cached.device_tlb)).add("PASIDE", bit(cached.pasid_enabled));
    entry.add("reason", uint64_t{static_cast<uint8_t>(cached.reason)},
              cached.failed() ? std::string(vtd::name(cached.reason)) : "");
    list.emplace_back(std::move(entry));
  });
  return list;
}

structure_list first_level_entries(const vtd_unit& unit) {
  std::vector<std::tuple<uint16_t, uint32_t, uint64_t, first_level_page>> all;
  unit.caches().first_level.for_each(
      [&](const address_space& space, uint64_t address, const first_level_page& page) {
        all.emplace_back(space.domain.value(), space.pasid, address, page);
      });
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::tie(std::get<0>(a), std::get<1>(a), std::get<2>(a)) <
           std::tie(std::get<0>(b), std::get<1>(b), std::get<2>(b));
  });
  structure_list list;
  for (const auto& [domain, pasid, address, page] : all) {
    structure entry{"entry", absl::StrFormat("[%d/%d:0x%x]", domain, pasid, address), {}};
    entry.add("DID", uint64_t{domain}).add("PASID", uint64_t{pasid});
    entry.add("address", address).add("level", int64_t{page.level()}).add("page", page.page());
    entry.add("W", bit(page.writable())).add("U", bit(page.user()));
    entry.add("XD", bit(page.execute_disabled())).add("D", bit(!page.clean()));
    list.emplace_back(std::move(entry));
  }
  return list;
}

}  // namespace iommulab
