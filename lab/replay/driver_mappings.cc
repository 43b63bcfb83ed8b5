// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/driver_mappings.h"

#include <algorithm>
#include <map>
#include <utility>

#include "lab/replay/capture_files.h"
#include "lab/replay/table_dump.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab::verify {
namespace {

using context_entries = std::map<source_id, vtd::context_entry>;

context_entries contexts_of(const dumped_tables& tables) {
  context_entries found;
  if (!tables.root()) return found;
  const auto buses = tables.entries(root_level, *tables.root());
  if (!buses) return found;
  for (const table_entry& bus : *buses) {
    const auto contexts = tables.entries(context_level, bus.low & vtd::root_entry::ctp.mask());
    if (!contexts) continue;
    for (const table_entry& c : *contexts) {
      const source_id id{0, static_cast<uint8_t>(bus.index), static_cast<uint8_t>(c.index)};
      found[id] = vtd::context_entry{c.low, c.high};
    }
  }
  return found;
}

/// Adds the leaves below one table to `found`, joining what lies together. Leaves at their own
/// address are start-up's. Permissions are not looked at: they are what the dump is there for.
void add_leaves(const dumped_tables& tables, const std::string& device, table_level level,
                uint64_t table, uint64_t address, std::vector<driver_mapping>& found) {
  const auto entries = tables.entries(level, table);
  if (!entries) return;
  for (const table_entry& e : *entries) {
    const vtd::second_level_entry entry{e.low};
    const uint64_t span = vtd::second_level_entry::span_of(level);
    const uint64_t at = address + e.index * span;
    if (!entry.present()) continue;
    if (level > 1 && !entry.super_page()) {
      add_leaves(tables, device, level - 1, entry.address().value(), at, found);
      continue;
    }
    const uint64_t phys = entry.address().value();
    if (phys == at) continue;
    if (!found.empty()) {
      driver_mapping& last = found.back();
      const uint64_t bytes = last.pages * page_size;
      if (last.device == device && last.address.value() + bytes == at &&
          last.phys.value() + bytes == phys) {
        last.pages += span / page_size;
        continue;
      }
    }
    found.push_back({device, dma_addr(at), phys_addr(phys), span / page_size, 0});
  }
}

/// The mappings below one context entry, from the lowest address up.
std::vector<driver_mapping> mappings_below(const dumped_tables& tables, const std::string& name,
                                           const vtd::context_entry& entry) {
  constexpr unsigned widest = 3;
  constexpr unsigned fewest_levels = 2;
  std::vector<driver_mapping> found;
  if (entry.type() != vtd::translation_type::pass_through && entry.address_width() <= widest) {
    add_leaves(tables, name, entry.address_width() + fewest_levels, entry.address_root().value(), 0,
               found);
  }
  return found;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> functions_mapped_at_boot(const capture_folder& folder) {
  absl::StatusOr<dumped_tables> tables = dumped_tables::read(folder, boot_tables_file);
  if (!tables.ok()) return tables.status();
  const context_entries all = contexts_of(*tables);
  tables->keep_start_up();
  const context_entries start_up = contexts_of(*tables);
  std::map<std::pair<domain_id, source_id>, std::string> by_domain;
  for (const auto& [id, entry] : all) {
    if (!start_up.contains(id)) by_domain[{entry.domain(), id}] = to_string(id);
  }
  std::vector<std::string> names;
  names.reserve(by_domain.size());
  for (auto& [key, name] : by_domain) names.push_back(std::move(name));
  return names;
}

std::vector<driver_mapping> with_permissions(absl::Span<const driver_mapping> mappings,
                                             const translated_access& accesses) {
  std::vector<driver_mapping> parts;
  for (const driver_mapping& whole : mappings) {
    bool is_first = true;
    for (uint64_t page = 0; page < whole.pages; ++page) {
      const dma_addr address = whole.address + page * page_size;
      const uint64_t prot = accesses.permissions(whole.device, address);
      if (!is_first && parts.back().prot == prot) {
        ++parts.back().pages;
        continue;
      }
      parts.push_back({whole.device, address, whole.phys + page * page_size, 1, prot});
      is_first = false;
    }
  }
  return parts;
}

absl::StatusOr<std::vector<driver_mapping>> mappings_at_boot(const capture_folder& folder) {
  absl::StatusOr<std::vector<std::string>> functions = functions_mapped_at_boot(folder);
  if (!functions.ok()) return functions.status();
  absl::StatusOr<dumped_tables> tables = dumped_tables::read(folder, boot_tables_file);
  if (!tables.ok()) return tables.status();
  const absl::StatusOr<translated_access> accesses = translated_access::read(folder);
  if (!accesses.ok()) return accesses.status();
  const context_entries contexts = contexts_of(*tables);
  std::vector<driver_mapping> all;
  for (const std::string& name : *functions) {
    const auto context = std::find_if(contexts.begin(), contexts.end(),
                                      [&](const auto& c) { return to_string(c.first) == name; });
    const std::vector<driver_mapping> found =
        with_permissions(mappings_below(*tables, name, context->second), *accesses);
    all.insert(all.end(), found.rbegin(), found.rend());
  }
  return all;
}

absl::StatusOr<std::vector<driver_mapping>> mappings_in(const capture_folder& folder,
                                                        std::string_view file) {
  absl::StatusOr<dumped_tables> tables = dumped_tables::read(folder, file);
  if (!tables.ok()) return tables.status();
  std::vector<driver_mapping> all;
  for (const auto& [id, entry] : contexts_of(*tables)) {
    const std::vector<driver_mapping> found = mappings_below(*tables, to_string(id), entry);
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

}  // namespace iommulab::verify
