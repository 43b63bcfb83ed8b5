// SPDX-License-Identifier: GPL-2.0-only
#include "lab/structures/page_owners.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lab/structures/driver_unit.h"
#include "lab/structures/tables_in_memory.h"
#include "lab/structures/value_access.h"
#include "platform/memory/page_allocator.h"

namespace iommulab {
namespace {

using vtd::second_level_entry;

/// Owners by the page that they have.
class owner_list {
 public:
  explicit owner_list(kernel& system) : system_(system), tables_(system) {
    for (const auto& unit : system.units()) {
      add_unit(*unit);
      for (const second_level_root& root : tables_.second_level_roots(*unit)) {
        const structure_link domain = tables_.domain_of(*unit, root.domain);
        add_tables(root.table, root.levels, 0, domain_words(*unit, root.domain, domain));
      }
    }
    add_domains();
    add_waiting();
  }

  [[nodiscard]] std::string of(const live_block& block) const {
    for (uint64_t page = 0; page < uint64_t{1} << block.order; ++page) {
      const auto found = owners_.find(block.address.value() + page * page_size);
      if (found != owners_.end()) return found->second;
    }
    if (block.object_size != 0) return "small objects";
    const auto mapped = mapped_.find(block.address.value());
    return mapped == mapped_.end() ? "unknown" : mapped->second;
  }

 private:
  void add(uint64_t page, std::string owner) {
    if (page != 0) owners_.try_emplace(page & page_mask, std::move(owner));
  }

  void add_unit(const vtd_unit& unit) {
    const std::string& name = unit.config().name;
    add(tables_.root_table(unit).value(), "root table of " + name);
    for (unsigned bus = 0; bus < vtd::root_entries_per_table; ++bus) {
      const auto root = tables_.root_entry(unit, static_cast<uint8_t>(bus));
      if (root && root->present()) {
        add(root->context_table().value(),
            absl::StrFormat("context table of %s, bus %02x", name, bus));
      }
    }
    const auto driver = driver_unit(system_, unit, "qi");
    if (const structure* queue = driver ? structure_in(*driver, "qi") : nullptr) {
      add(number_in(*queue, "desc"), "invalidation queue of " + name);
    }
  }

  static std::string domain_words(const vtd_unit& unit, domain_id id, const structure_link& link) {
    if (!link.name.empty()) return link.name;
    return absl::StrFormat("domain %d of %s", id.value(), unit.config().name);
  }

  void add_tables(phys_addr table, unsigned level, uint64_t first, const std::string& domain) {
    const auto* entries =
        system_.memory().object_at<second_level_entry>(table, vtd::paging_entries_per_table);
    if (entries == nullptr || owners_.contains(table.value())) return;
    add(table.value(), "second-level tables of " + domain);
    const uint64_t span = second_level_entry::span_of(level);
    for (unsigned i = 0; i < vtd::paging_entries_per_table; ++i) {
      if (!entries[i].present()) continue;
      const uint64_t address = first + i * span;
      const uint64_t page = entries[i].address().value();
      if (!entries[i].is_leaf(level)) {
        add_tables(entries[i].address(), level - 1, address, domain);
      } else if (page != address && level == 1) {
        // What is mapped to itself says nothing of whose it is.
        mapped_.try_emplace(page, "mapped for devices of " + domain);
      }
    }
  }

  /// Those whose tables no context entry names.
  void add_domains() {
    for (const structure_section& section : system_.generation().structures({"dmar_domain"})) {
      for (const structure& domain : section.structures) {
        const uint64_t table = number_in(domain, "pgd");
        const unsigned levels = static_cast<unsigned>(number_in(domain, "agaw")) + 2;
        if (table != 0 && levels <= tables_in_memory::most_levels) {
          add_tables(phys_addr(table), levels, 0, domain.name);
        }
      }
    }
  }

  /// Table pages that are freed with a flush that is put off.
  void add_waiting() {
    for (const structure_section& section :
         system_.generation().structures({"deferred_flush_tables"})) {
      for (const structure& table : section.structures) {
        const structure_list* entries = list_in(table, "entries");
        if (entries == nullptr) continue;
        for (const structure_value& item : *entries) add_freelist(item);
      }
    }
  }
  void add_freelist(const structure_value& item) {
    const auto* entry = std::get_if<structure>(&item);
    const structure_list* pages = entry == nullptr ? nullptr : list_in(*entry, "freelist");
    if (pages == nullptr) return;
    for (const structure_value& page : *pages) {
      if (const auto* address = std::get_if<uint64_t>(&page)) {
        add(*address, "tables that wait for a flush");
      }
    }
  }

  kernel& system_;
  tables_in_memory tables_;
  absl::flat_hash_map<uint64_t, std::string> owners_;
  absl::flat_hash_map<uint64_t, std::string> mapped_;
};

structure block_entry(const live_block& block, const std::string& owner) {
  structure entry{"entry", absl::StrFormat("[0x%x]", block.address.value()), {}};
  entry.add("pages", int64_t{1} << block.order).add("owner", owner);
  if (block.object_size != 0) {
    entry.add("objects", static_cast<int64_t>(block.objects),
              absl::StrFormat("of %d bytes", block.object_size));
  }
  return entry;
}

}  // namespace

structure pages_of(kernel& system) {
  const page_accounts accounts = system.pages().accounts();
  structure s{"pages", "", {}};
  s.add("live_pages", static_cast<int64_t>(accounts.live_pages));
  s.add("peak_pages", static_cast<int64_t>(accounts.peak_pages));
  s.add("live_objects", static_cast<int64_t>(accounts.live_objects), "of kmalloc()");
  structure free{"free_pages", "", {}};
  free.add("ZONE_DMA", static_cast<int64_t>(accounts.free_pages[0]));
  free.add("ZONE_DMA32", static_cast<int64_t>(accounts.free_pages[1]));
  free.add("ZONE_NORMAL", static_cast<int64_t>(accounts.free_pages[2]));
  s.add("free_pages", std::move(free));

  const owner_list owners(system);
  std::map<std::string, int64_t> sums;
  structure_list blocks;
  for (const live_block& block : accounts.blocks) {
    const std::string owner = owners.of(block);
    sums[owner] += int64_t{1} << block.order;
    blocks.emplace_back(block_entry(block, owner));
  }
  structure_list owned;
  for (const auto& [owner, pages] : sums) {
    structure entry{"entry", "[" + owner + "]", {}};
    entry.add("pages", pages);
    owned.emplace_back(std::move(entry));
  }
  s.add("owners", std::move(owned), "pages of each");
  s.add("blocks", std::move(blocks));
  return s;
}

}  // namespace iommulab
