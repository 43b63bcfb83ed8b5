// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/sanitizer/table_reader.h"

#include <algorithm>
#include <atomic>

#include "absl/container/flat_hash_set.h"
#include "platform/vtd/spec/capability.h"

namespace iommulab {
namespace {

using vtd::context_entry;
using vtd::root_entry;
using vtd::second_level_entry;

constexpr uint64_t word_bytes = sizeof(uint64_t);

/// The search for a table below one root; each table is looked into once.
class table_search {
 public:
  table_search(const table_reader& reader, uint64_t page) : reader_(reader), page_(page) {}

  std::optional<uint64_t> in_root(uint64_t root) {
    if (root == page_) return root;
    for (unsigned bus = 0; bus < vtd::root_entries_per_table; ++bus) {
      const uint64_t at = root + bus * sizeof(root_entry);
      const root_entry entry{reader_.word(at), 0};
      if (!entry.present()) continue;
      const uint64_t contexts = entry.context_table().value();
      if (contexts == page_) return at;
      if (const auto found = in_contexts(contexts)) return found;
    }
    return std::nullopt;
  }

 private:
  std::optional<uint64_t> in_contexts(uint64_t table) {
    for (unsigned i = 0; i < vtd::context_entries_per_table; ++i) {
      const uint64_t at = table + i * sizeof(context_entry);
      const context_entry entry{reader_.word(at), reader_.word(at + word_bytes)};
      if (!entry.present() || entry.type() == vtd::translation_type::pass_through) continue;
      const uint64_t top = entry.address_root().value();
      if (top == page_) return at;
      if (const auto found = in_tables(top, vtd::levels_of(entry.address_width()))) return found;
    }
    return std::nullopt;
  }

  std::optional<uint64_t> in_tables(uint64_t table, unsigned level) {
    if (level == 1) return std::nullopt;
    if (!seen_.insert(table).second) return std::nullopt;
    for (unsigned i = 0; i < vtd::paging_entries_per_table; ++i) {
      const uint64_t at = table + i * word_bytes;
      const second_level_entry entry{reader_.word(at)};
      if (!entry.present() || entry.is_leaf(level)) continue;
      const uint64_t below = entry.address().value();
      if (below == page_) return at;
      if (const auto found = in_tables(below, level - 1)) return found;
    }
    return std::nullopt;
  }

  const table_reader& reader_;
  uint64_t page_;
  absl::flat_hash_set<uint64_t> seen_;
};

}  // namespace

uint64_t table_reader::word(uint64_t address) const {
  auto* at = memory_.object_at<uint64_t>(phys_addr(address));
  return at == nullptr ? 0 : std::atomic_ref<uint64_t>(*at).load(std::memory_order_acquire);
}

context_in_memory table_reader::context_of(uint64_t root, uint16_t source, word_path& path) const {
  const uint64_t root_word = root + (source >> 8) * sizeof(root_entry);
  path.add(root_word);
  const root_entry bus{word(root_word), 0};
  if (!bus.present()) return {};
  const uint64_t at = bus.context_table().value() + (source & 0xffu) * sizeof(context_entry);
  path.add(at);
  path.add(at + word_bytes);
  const context_entry entry{word(at), word(at + word_bytes)};
  if (!entry.present()) return {};
  return {true, entry.type(), entry.domain(), vtd::levels_of(entry.address_width()),
          entry.address_root().value()};
}

page_in_memory table_reader::page_of(uint64_t table, unsigned levels, uint64_t address,
                                     word_path& path) const {
  page_in_memory page{true, true, true, 0};
  for (unsigned level = levels; level > 0; --level) {
    const uint64_t at = table + second_level_entry::index_of(address, level) * word_bytes;
    path.add(at);
    const second_level_entry entry{word(at)};
    if (!entry.present()) return {};
    page.readable = page.readable && entry.readable();
    page.writable = page.writable && entry.writable();
    if (entry.is_leaf(level)) {
      page.address = entry.address().value() + (address & (second_level_entry::span_of(level) - 1));
      return page;
    }
    table = entry.address().value();
  }
  return {};
}

std::optional<uint64_t> table_reader::table_below(uint64_t table, unsigned levels, uint64_t address,
                                                  unsigned level, word_path& path) const {
  for (unsigned l = levels; l >= level && l > 1; --l) {
    const uint64_t at = table + second_level_entry::index_of(address, l) * word_bytes;
    path.add(at);
    const second_level_entry entry{word(at)};
    if (!entry.present() || entry.is_leaf(l)) return std::nullopt;
    table = entry.address().value();
  }
  return table;
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the tables
std::optional<uint64_t> table_reader::first_mapped(uint64_t table, unsigned levels, uint64_t first,
                                                   uint64_t last) const {
  const uint64_t span = second_level_entry::span_of(levels);
  for (uint64_t at = first; at <= last;) {
    const uint64_t next = (at & ~(span - 1)) + span;
    const uint64_t end = next == 0 ? last : std::min(last, next - 1);
    const second_level_entry entry{
        word(table + second_level_entry::index_of(at, levels) * word_bytes)};
    if (entry.present()) {
      if (entry.is_leaf(levels)) return at;
      const auto found = first_mapped(entry.address().value(), levels - 1, at, end);
      if (found) return found;
    }
    if (next == 0) break;  // the end of the address space
    at = next;
  }
  return std::nullopt;
}

std::optional<context_in_memory> table_reader::context_of_domain(uint64_t root,
                                                                 domain_id domain) const {
  for (unsigned bus = 0; bus < vtd::root_entries_per_table; ++bus) {
    const root_entry entry{word(root + bus * sizeof(root_entry)), 0};
    if (!entry.present()) continue;
    for (unsigned devfn = 0; devfn < vtd::context_entries_per_table; ++devfn) {
      word_path path;
      const auto source = static_cast<uint16_t>(bus << 8 | devfn);
      const context_in_memory context = context_of(root, source, path);
      if (context.present && context.domain == domain) return context;
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> table_reader::entry_leading_to(uint64_t root, uint64_t page) const {
  return table_search(*this, page).in_root(root);
}

}  // namespace iommulab
