// SPDX-License-Identifier: GPL-2.0-only
#include "lab/structures/unit_caches.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lab/replay/table_dump.h"
#include "lab/structures/value_access.h"
#include "lab/tables/address_walk.h"
#include "lab/tables/walk_words.h"
#include "platform/vtd/spec/capability.h"
#include "platform/vtd/spec/fault_reason.h"

namespace iommulab {
namespace {

using vtd::fault_reason;
using vtd::second_level_entry;
using found_entry = tables_in_memory::found_entry;

/// Adds what is wrong with an entry, and counts.
class staleness {
 public:
  void add(structure& s, const std::string& why) {
    if (!why.empty()) ++count_;
    s.add("stale", bit(!why.empty()), why);
  }
  [[nodiscard]] int64_t count() const { return count_; }

 private:
  int64_t count_ = 0;
};

class cache_reader {
 public:
  cache_reader(const tables_in_memory& tables, const vtd_unit& unit)
      : tables_(tables), unit_(unit), roots_(tables.second_level_roots(unit)) {}

  structure read() {
    structure s{"caches", unit_.config().name, {}};
    structure_list contexts = context_entries();
    structure_list pages = iotlb_entries();
    structure_list lower = paging_structure_entries();
    structure_list devices = device_tlb_entries();
    structure_list interrupts = interrupt_entries();
    s.add("stale", stale_.count(), "entries that the tables contradict");
    s.add("context_cache", std::move(contexts)).add("iotlb", std::move(pages));
    s.add("paging_structures", std::move(lower)).add("device_tlbs", std::move(devices));
    s.add("interrupt_entries", std::move(interrupts));
    if (tables_in_memory::is_scalable(unit_)) {
      s.add("scalable_contexts", scalable_context_cache_entries(tables_, unit_));
      s.add("pasid_cache", pasid_cache_entries(tables_, unit_));
      s.add("first_level", first_level_entries(unit_));
    }
    return s;
  }

 private:
  // --- the context-cache -------------------------------------------------------------------

  structure_list context_entries() {
    structure_list list;
    unit_.caches().contexts.for_each([&](uint16_t source, const context& cached) {
      structure entry{"entry", absl::StrCat("[", tables_.device_at(unit_, source), "]"), {}};
      entry.add("DID", uint64_t{cached.domain.value()}, "domain id");
      entry.add("T", uint64_t{static_cast<uint8_t>(cached.type)});
      entry.add("SLPTPTR", cached.table).add("levels", int64_t{cached.levels});
      entry.add("reason", uint64_t{static_cast<uint8_t>(cached.reason)},
                cached.failed() ? std::string(vtd::name(cached.reason)) : "");
      stale_.add(entry, why_context_is_stale(source, cached));
      list.emplace_back(std::move(entry));
    });
    return list;
  }

  [[nodiscard]] std::string why_context_is_stale(uint16_t source, const context& cached) const {
    const auto now = tables_.context_entry(unit_, source);
    const bool present = now && now->present();
    if (cached.failed()) {
      const fault_reason reason = reason_now(source, 0);
      if (reason == cached.reason) return "";
      return present ? "the table says present" : "the table says not present";
    }
    if (!present) return "the table says not present";
    if (now->domain() != cached.domain) {
      return absl::StrFormat("the table says domain %d", now->domain().value());
    }
    if (now->type() != cached.type) {
      return absl::StrFormat("the table says T %d", static_cast<int>(now->type()));
    }
    if (now->type() == vtd::translation_type::pass_through) return "";
    if (now->address_root().value() != cached.table) {
      return absl::StrFormat("the table says SLPTPTR 0x%x", now->address_root().value());
    }
    if (vtd::levels_of(now->address_width()) != cached.levels) {
      return absl::StrFormat("the table says %d levels", vtd::levels_of(now->address_width()));
    }
    return "";
  }

  /// Why the tables as they are let a source neither read nor write there; none when they do.
  [[nodiscard]] fault_reason reason_now(uint16_t source, uint64_t address) const {
    fault_reason reason = fault_reason::none;
    for (const dma_access access : {dma_access::write, dma_access::read}) {
      const address_walk walk =
          walk_address({unit_.config(), true, tables_.root_table(unit_).value()},
                       verify::memory_tables(tables_.system().memory()), source, address, access);
      if (walk.ok()) return fault_reason::none;
      reason = walk.reason;
    }
    return reason;
  }
  static bool is_denied(fault_reason reason) {
    return reason == fault_reason::read_not_permitted ||
           reason == fault_reason::write_not_permitted;
  }

  // --- IOTLB and paging structures ---------------------------------------------------------

  /// The tables that context entries name for a domain id, if any does.
  [[nodiscard]] const second_level_root* root_of(domain_id domain) const {
    const auto found = std::find_if(roots_.begin(), roots_.end(),
                                    [&](const second_level_root& r) { return r.domain == domain; });
    return found == roots_.end() ? nullptr : &*found;
  }

  /// What a table says of a page, against what is cached of it.
  [[nodiscard]] std::string why_page_is_stale(const second_level_root& root, uint64_t address,
                                              uint64_t page, unsigned level, bool readable,
                                              bool writable) const {
    const auto now = tables_.second_level(root.table, root.levels, address);
    if (!now) return "a table on the way is not in memory";
    if (!now->entry.present()) return "the table says not present";
    const uint64_t span = second_level_entry::span_of(now->level);
    if (now->level != level) {
      return absl::StrFormat("the table has a page of %s",
                             size_words(page_shift + vtd::bits_per_level * (now->level - 1)));
    }
    const uint64_t host = now->entry.address().value() & ~(span - 1);
    if (host != page) return absl::StrFormat("the table says page 0x%x", host);
    const bool may_read = second_level_entry::r.test(now->rights);
    const bool may_write = second_level_entry::w.test(now->rights);
    if (may_read != readable || may_write != writable) {
      return absl::StrCat("the table says ", may_read ? "R" : "-", may_write ? " W" : " -");
    }
    const fault_reason reason = reason_now(root.source, address);
    if (reason == fault_reason::none) return "";
    return absl::StrFormat("a walk ends with %s now", vtd::name(reason));
  }

  [[nodiscard]] std::string why_iotlb_is_stale(const cached_page& of,
                                               const iotlb_entry& cached) const {
    const second_level_root* root = root_of(of.domain);
    const bool failed = cached.reason() != fault_reason::none;
    if (root == nullptr) {
      return failed ? "" : absl::StrFormat("no context entry has domain %d", of.domain.value());
    }
    if (!failed) {
      return why_page_is_stale(*root, of.address, cached.page(), of.level, cached.readable(),
                               cached.writable());
    }
    const fault_reason reason = reason_now(root->source, of.address);
    if (reason == fault_reason::none) return "the table says present";
    if (reason == cached.reason() || (is_denied(reason) && is_denied(cached.reason()))) return "";
    return absl::StrFormat("a walk ends with %s now", vtd::name(reason));
  }

  structure_list iotlb_entries() {
    structure_list list;
    for (const auto& [of, cached] : in_order<iotlb_entry>(unit_.caches().iotlb)) {
      structure entry{"entry", name_of(of), {}};
      add_place(entry, of);
      entry.add("page", cached.page());
      entry.add("R", bit(cached.readable())).add("W", bit(cached.writable()));
      entry.add("SNP", bit(cached.snoop()));
      const bool failed = cached.reason() != fault_reason::none;
      entry.add("reason", uint64_t{static_cast<uint8_t>(cached.reason())},
                failed ? std::string(vtd::name(cached.reason())) : "");
      stale_.add(entry, why_iotlb_is_stale(of, cached));
      list.emplace_back(std::move(entry));
    }
    return list;
  }

  [[nodiscard]] std::string why_table_is_stale(const cached_page& of,
                                               const cached_table& cached) const {
    const second_level_root* root = root_of(of.domain);
    if (root == nullptr)
      return absl::StrFormat("no context entry has domain %d", of.domain.value());
    const auto now = tables_.entry_at(root->table, root->levels, of.address, of.level);
    if (!now || !now->entry.present()) return "the table says not present";
    if (now->entry.is_leaf(of.level)) return "the table has a page there";
    if (now->entry.address().value() != cached.address) {
      return absl::StrFormat("the table says table 0x%x", now->entry.address().value());
    }
    return now->rights == cached.rights ? "" : "the table grants other rights";
  }

  structure_list paging_structure_entries() {
    structure_list list;
    for (const auto& [of, cached] : in_order<cached_table>(unit_.caches().structures)) {
      structure entry{"entry", name_of(of), {}};
      add_place(entry, of);
      entry.add("table", cached.address);
      entry.add("R", bit(second_level_entry::r.test(cached.rights)));
      entry.add("W", bit(second_level_entry::w.test(cached.rights)));
      stale_.add(entry, why_table_is_stale(of, cached));
      list.emplace_back(std::move(entry));
    }
    return list;
  }

  /// What a cache holds by domain and address, ascending.
  template <typename Entry, typename Cache>
  static std::vector<std::pair<cached_page, Entry>> in_order(const Cache& cache) {
    std::vector<std::pair<cached_page, Entry>> all;
    cache.for_each(
        [&](const cached_page& of, const Entry& cached) { all.emplace_back(of, cached); });
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return order_of(a.first) < order_of(b.first); });
    return all;
  }
  static std::tuple<uint16_t, uint64_t, unsigned> order_of(const cached_page& of) {
    return {of.domain.value(), of.address, of.level};
  }
  /// "[2:0xfffff000]": domain id and first address.
  static std::string name_of(const cached_page& of) {
    return absl::StrFormat("[%d:0x%x]", of.domain.value(), of.address);
  }
  static void add_place(structure& entry, const cached_page& of) {
    entry.add("DID", uint64_t{of.domain.value()});
    entry.add("address", of.address).add("level", int64_t{of.level});
  }

  // --- device-TLBs -------------------------------------------------------------------------

  structure_list device_tlb_entries() {
    structure_list list;
    for (const pci_function_config& function : tables_.system().machine().pci_functions) {
      const dma_port* port = tables_.system().dma_hardware().port(function.id);
      if (port == nullptr || port->unit() != &unit_ || port->device_tlb() == nullptr) continue;
      for (const held_translation& held : port->device_tlb()->held()) {
        structure entry{
            "entry", absl::StrFormat("[%s:0x%x]", to_string(function.id), held.address), {}};
        entry.add("device", structure_link{"device", to_string(function.id)});
        entry.add("address", held.address).add("page", held.page);
        entry.add("size", uint64_t{1} << held.page_bits);
        entry.add("R", bit(held.readable)).add("W", bit(held.writable));
        stale_.add(entry, why_held_is_stale(port->requester().requester_id(), held));
        list.emplace_back(std::move(entry));
      }
    }
    return list;
  }

  [[nodiscard]] std::string why_held_is_stale(uint16_t source, const held_translation& held) const {
    if (tables_in_memory::is_scalable(unit_)) return "";  // not looked at
    const auto now = tables_.context_entry(unit_, source);
    if (!now || !now->present()) return "the context entry is not present";
    const second_level_root root = {&unit_, source, now->domain(), now->address_root(),
                                    vtd::levels_of(now->address_width())};
    // A device may be told of less than the page that the tables have.
    const auto leaf = tables_.second_level(root.table, root.levels, held.address);
    if (!leaf || !leaf->entry.present()) return "the table says not present";
    const uint64_t span = second_level_entry::span_of(leaf->level);
    const uint64_t host =
        (leaf->entry.address().value() & ~(span - 1)) + (held.address & (span - 1));
    if (host != held.page) return absl::StrFormat("the table says page 0x%x", host);
    const bool less = (held.readable && !second_level_entry::r.test(leaf->rights)) ||
                      (held.writable && !second_level_entry::w.test(leaf->rights));
    return less ? "the table grants less" : "";
  }

  // --- interrupts --------------------------------------------------------------------------

  structure_list interrupt_entries() {
    structure_list list;
    for (const auto& [index, cached] : unit_.caches().interrupts.entries()) {
      structure entry{"entry", absl::StrFormat("[%d]", index), {}};
      entry.add("low", cached.low).add("high", cached.high);
      const auto* now = tables_.system().memory().object_at<cached_irte>(
          unit_.interrupt_table() + index * sizeof(cached_irte));
      std::string why;
      if (now == nullptr) {
        why = "the interrupt table is not in memory";
      } else if (*now != cached) {
        why = absl::StrFormat("the table says 0x%x:%016x", now->high, now->low);
      }
      stale_.add(entry, why);
      list.emplace_back(std::move(entry));
    }
    return list;
  }

  const tables_in_memory& tables_;
  const vtd_unit& unit_;
  std::vector<second_level_root> roots_;
  staleness stale_;
};

}  // namespace

structure caches_of(const tables_in_memory& tables, const vtd_unit& unit) {
  return cache_reader(tables, unit).read();
}

}  // namespace iommulab
