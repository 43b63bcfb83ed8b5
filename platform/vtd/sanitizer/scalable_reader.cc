// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/sanitizer/scalable_reader.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "platform/vtd/spec/capability.h"
#include "platform/vtd/spec/first_level_entry.h"

namespace iommulab {
namespace {

using vtd::first_level_entry;
using vtd::pasid_directory_entry;
using vtd::pasid_entry;
using vtd::scalable_context_entry;
using vtd::scalable_root_entry;
using vtd::second_level_entry;

constexpr uint64_t bytes_of_word = sizeof(uint64_t);
constexpr unsigned pasids_of_entry = vtd::pasid_entries_per_table;

uint64_t directory_bytes(const scalable_context_entry& context) {
  return context.pasids() / pasids_of_entry * sizeof(pasid_directory_entry);
}

/// Whether an entry leads further down, and where: of either kind of paging entry.
struct paging_link {
  bool leads = false;
  uint64_t table = 0;
};

paging_link link_of(uint64_t word, unsigned level, bool first_level) {
  if (first_level) {
    const first_level_entry entry{word};
    return {entry.present() && !entry.is_leaf(level), entry.address(level).value()};
  }
  const second_level_entry entry{word};
  return {entry.present() && !entry.is_leaf(level), entry.address().value()};
}

/// The search for a paging table; each is looked into once.
class paging_search {
 public:
  paging_search(const table_reader& tables, uint64_t page) : tables_(tables), page_(page) {}

  // NOLINTNEXTLINE(misc-no-recursion): as deep as the tables
  std::optional<uint64_t> in(uint64_t table, unsigned level, bool first_level) {
    if (level == 1 || !seen_.insert(table).second) return std::nullopt;
    for (unsigned i = 0; i < vtd::paging_entries_per_table; ++i) {
      const uint64_t at = table + i * bytes_of_word;
      const paging_link link = link_of(tables_.word(at), level, first_level);
      if (!link.leads) continue;
      if (link.table == page_) return at;
      if (const auto found = in(link.table, level - 1, first_level)) return found;
    }
    return std::nullopt;
  }

 private:
  const table_reader& tables_;
  uint64_t page_;
  absl::flat_hash_set<uint64_t> seen_;
};

}  // namespace

template <typename F>
std::optional<uint64_t> scalable_reader::each_context(uint64_t root, F f) const {
  constexpr unsigned halves = 2 * vtd::root_entries_per_table;
  for (unsigned half = 0; half < halves; ++half) {
    const uint64_t at = root + half * bytes_of_word;
    const uint64_t word = tables_.word(at);
    if (!scalable_root_entry::present(word)) continue;
    const uint64_t table = scalable_root_entry::context_table(word).value();
    for (unsigned i = 0; i < scalable_root_entry::scalable_context_entries; ++i) {
      const uint64_t context = table + i * sizeof(scalable_context_entry);
      if (!scalable_context_entry::p.test(tables_.word(context))) continue;
      if (const auto found = f(context)) return found;
    }
  }
  return std::nullopt;
}

template <typename F>
std::optional<uint64_t> scalable_reader::each_entry(uint64_t context, F f) const {
  scalable_context_entry decoded;
  decoded.q[0] = tables_.word(context);
  for (uint32_t i = 0; i < decoded.pasids() / pasids_of_entry; ++i) {
    const pasid_directory_entry link{
        tables_.word(decoded.directory().value() + i * sizeof(pasid_directory_entry))};
    if (!link.present()) continue;
    for (unsigned j = 0; j < pasids_of_entry; ++j) {
      const uint64_t at = link.table().value() + j * sizeof(pasid_entry);
      if (!pasid_entry::p.test(tables_.word(at))) continue;
      if (const auto found = f(at)) return found;
    }
  }
  return std::nullopt;
}

pasid_entry_in_memory scalable_reader::decode(uint64_t at) const {
  constexpr unsigned fewest_levels = 4;
  pasid_entry entry;
  for (size_t i = 0; i < entry.q.size(); ++i) entry.q[i] = tables_.word(at + i * bytes_of_word);
  if (!entry.present()) return {};
  return {true,
          entry.type(),
          entry.domain(),
          vtd::levels_of(entry.address_width()),
          entry.second_level().value(),
          fewest_levels + entry.first_level_mode(),
          entry.first_level().value()};
}

scalable_context_in_memory scalable_reader::context_of(uint64_t root, uint16_t source,
                                                       word_path& path) const {
  const unsigned devfn = source & 0xffu;
  constexpr unsigned in_half = scalable_root_entry::scalable_context_entries;
  const uint64_t root_word =
      root + (source >> 8) * sizeof(scalable_root_entry) + (devfn < in_half ? 0 : bytes_of_word);
  path.add(root_word);
  const uint64_t half = tables_.word(root_word);
  if (!scalable_root_entry::present(half)) return {};
  const uint64_t at = scalable_root_entry::context_table(half).value() +
                      (devfn % in_half) * sizeof(scalable_context_entry);
  path.add(at);
  path.add(at + bytes_of_word);
  scalable_context_entry entry;
  entry.q[0] = tables_.word(at);
  entry.q[1] = tables_.word(at + bytes_of_word);
  if (!entry.present()) return {};
  return {true,           entry.device_tlb(),       entry.pasid_enabled(), entry.request_pasid(),
          entry.pasids(), entry.directory().value()};
}

pasid_entry_in_memory scalable_reader::entry_of(uint64_t root, uint16_t source,
                                                std::optional<uint32_t> pasid,
                                                word_path& path) const {
  const scalable_context_in_memory context = context_of(root, source, path);
  if (!context.present) return {};
  const uint32_t which = pasid.value_or(context.request_pasid);
  if (which >= context.pasids) return {};
  const uint64_t link_at =
      context.directory + pasid_directory_entry::index_of(which) * sizeof(pasid_directory_entry);
  path.add(link_at);
  const pasid_directory_entry link{tables_.word(link_at)};
  if (!link.present()) return {};
  const uint64_t at = link.table().value() + pasid_entry::index_of(which) * sizeof(pasid_entry);
  for (size_t i = 0; i < 3; ++i) path.add(at + i * bytes_of_word);  // the others are reserved
  return decode(at);
}

first_level_in_memory scalable_reader::page_of(const pasid_entry_in_memory& entry, uint64_t address,
                                               word_path& path) const {
  const bool nested = entry.type == vtd::pasid_translation::nested;
  bool found = true;
  const auto on_host = [&](uint64_t guest) {
    if (!nested) return guest;
    word_path unused;  // the first level's words are to blame as well as any
    const page_in_memory page = tables_.page_of(entry.table, entry.levels, guest, unused);
    found = found && page.present;
    return page.address;
  };
  first_level_in_memory page{true, true, true, 0};
  uint64_t table = entry.first_table;
  for (unsigned level = entry.first_levels; level > 0; --level) {
    const uint64_t at =
        on_host(table + second_level_entry::index_of(address, level) * bytes_of_word);
    if (!found) return {};
    path.add(at);
    const first_level_entry word{tables_.word(at)};
    if (!word.present()) return {};
    page.writable = page.writable && word.writable();
    page.user = page.user && word.user();
    table = word.address(level).value();
    if (!word.is_leaf(level)) continue;
    page.address = on_host(table + (address & (second_level_entry::span_of(level) - 1)));
    return found ? page : first_level_in_memory{};
  }
  return {};
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the tables
std::optional<uint64_t> scalable_reader::first_mapped(uint64_t table, unsigned level,
                                                      uint64_t first, uint64_t last) const {
  const uint64_t span = second_level_entry::span_of(level);
  for (uint64_t at = first; at <= last;) {
    const uint64_t next = (at & ~(span - 1)) + span;
    const uint64_t end = next == 0 ? last : std::min(last, next - 1);
    const first_level_entry entry{
        tables_.word(table + second_level_entry::index_of(at, level) * bytes_of_word)};
    if (entry.present()) {
      if (entry.is_leaf(level)) return at;
      const auto found = first_mapped(entry.address(level).value(), level - 1, at, end);
      if (found) return found;
    }
    if (next == 0) break;
    at = next;
  }
  return std::nullopt;
}

std::optional<pasid_entry_in_memory> scalable_reader::entry_of_domain(uint64_t root,
                                                                      domain_id domain) const {
  const auto at = each_context(root, [&](uint64_t context) {
    return each_entry(context, [&](uint64_t entry) -> std::optional<uint64_t> {
      if (decode(entry).domain != domain) return std::nullopt;
      return entry;
    });
  });
  if (!at) return std::nullopt;
  return decode(*at);
}

std::optional<uint64_t> scalable_reader::entry_leading_to(uint64_t root, uint64_t page) const {
  if (root == page) return root;
  constexpr unsigned halves = 2 * vtd::root_entries_per_table;
  for (unsigned half = 0; half < halves; ++half) {
    const uint64_t at = root + half * bytes_of_word;
    const uint64_t word = tables_.word(at);
    if (!scalable_root_entry::present(word)) continue;
    if (scalable_root_entry::context_table(word).value() == page) return at;
  }
  paging_search search(tables_, page);
  return each_context(root, [&](uint64_t context) -> std::optional<uint64_t> {
    scalable_context_entry decoded;
    decoded.q[0] = tables_.word(context);
    const uint64_t directory = decoded.directory().value();
    if (page - directory < directory_bytes(decoded)) return context;
    for (uint32_t i = 0; i < decoded.pasids() / pasids_of_entry; ++i) {
      const uint64_t at = directory + i * sizeof(pasid_directory_entry);
      const pasid_directory_entry link{tables_.word(at)};
      if (link.present() && link.table().value() == page) return at;
    }
    return each_entry(context, [&](uint64_t at) -> std::optional<uint64_t> {
      const pasid_entry_in_memory entry = decode(at);
      if (entry.has_second_level()) {
        if (entry.table == page) return at;
        if (const auto found = search.in(entry.table, entry.levels, false)) return found;
      }
      if (entry.type == vtd::pasid_translation::first_level) {
        constexpr uint64_t first_level_word = 2 * bytes_of_word;
        if (entry.first_table == page) return at + first_level_word;
        if (const auto found = search.in(entry.first_table, entry.first_levels, true)) return found;
      }
      return std::nullopt;
    });
  });
}

}  // namespace iommulab
