// SPDX-License-Identifier: GPL-2.0-only
#include "support/v6_12/device_tables.h"

#include <gtest/gtest.h>

namespace iommulab::test {
namespace {

constexpr uint64_t frame = 0x000ffffffffff000;

/// PDTS X in a scalable-mode context entry's first word: 2^(X + 7).
uint64_t directory_entries(uint64_t context) {
  return uint64_t{1} << ((context >> 9 & 7) + 7);
}

bool is_present(bool first_level, uint64_t entry) {
  return (entry & (first_level ? 1 : 3)) != 0;
}
bool is_leaf(unsigned level, uint64_t entry) {
  return level == 1 || (entry & 0x80) != 0;
}
/// Pages that an entry of a table is for.
uint64_t span_at(unsigned level) {
  return uint64_t{1} << (9 * (level - 1));
}

}  // namespace

device_tables::device_tables(physical_memory& memory, uint64_t rtaddr)
    : memory_(memory), root_(rtaddr & frame), scalable_((rtaddr >> 10 & 3) == 1) {}

uint64_t device_tables::word(uint64_t address) const {
  const auto* at = memory_.object_at<uint64_t>(phys_addr(address));
  if (at != nullptr) return *at;
  ADD_FAILURE() << "no memory at 0x" << std::hex << address;
  return 0;
}

request_path device_tables::legacy_path(source_id id) const {
  const uint64_t root = word(root_ + 16 * uint64_t{id.bus});
  if ((root & 1) == 0) return {.kind = request_kind::no_root_entry};
  const uint64_t at = (root & frame) + 16 * uint64_t{id.devfn};
  const uint64_t low = word(at);
  const uint64_t high = word(at + 8);
  if ((low & 1) == 0) {
    EXPECT_EQ(low | high, 0u) << "something is left of a context entry";
    return {.kind = request_kind::no_context_entry};
  }
  request_path path{.domain = static_cast<unsigned>(high >> 8 & 0xffff)};
  if ((low >> 2 & 3) == 2) {
    path.kind = request_kind::pass_through;
    return path;
  }
  path.kind = request_kind::second_level;
  path.table = low & frame;
  path.levels = static_cast<unsigned>(high & 7) + 2;
  return path;
}

uint64_t device_tables::context_of(source_id id) const {
  const uint64_t half = word(root_ + 16 * uint64_t{id.bus} + (id.devfn >= 0x80 ? 8 : 0));
  return (half & 1) == 0 ? 0 : (half & frame) + 32 * uint64_t{id.devfn & 0x7fu};
}

request_path device_tables::scalable_path(source_id id, std::optional<uint32_t> pasid) const {
  const uint64_t context = context_of(id);
  if (context == 0) return {.kind = request_kind::no_root_entry};
  const uint64_t low = word(context);
  if ((low & 1) == 0) return {.kind = request_kind::no_context_entry};
  if (pasid && (low >> 3 & 1) == 0) return {.kind = request_kind::pasid_not_enabled};
  const uint64_t number = pasid ? *pasid : word(context + 8) & 0xfffff;
  const uint64_t link = word((low & frame) + 8 * (number >> 6));
  if ((link & 1) == 0) return {.kind = request_kind::no_directory_entry};
  const uint64_t entry = (link & frame) + 64 * (number & 63);
  const uint64_t type = word(entry) >> 6 & 7;
  if ((word(entry) & 1) == 0) {
    for (uint64_t i = 0; i < 8; ++i) EXPECT_EQ(word(entry + 8 * i), 0u) << "word " << i;
    return {.kind = request_kind::no_pasid_entry};
  }
  request_path path{.domain = static_cast<unsigned>(word(entry + 8) & 0xffff)};
  if (type == 1) {
    path.kind = request_kind::first_level;
    path.table = word(entry + 16) & frame;
    path.levels = (word(entry + 16) >> 2 & 3) == 1 ? 5 : 4;
  } else if (type == 2) {
    path.kind = request_kind::second_level;
    path.table = word(entry) & frame;
    path.levels = static_cast<unsigned>(word(entry) >> 2 & 7) + 2;
  } else {
    EXPECT_EQ(type, 4u) << "PASID table entry 0x" << std::hex << word(entry);
    path.kind = request_kind::pass_through;
  }
  return path;
}

std::set<uint32_t> device_tables::pasids(source_id id) const {
  std::set<uint32_t> found;
  const uint64_t context = scalable_ ? context_of(id) : 0;
  if (context == 0 || (word(context) & 1) == 0) return found;
  for (uint64_t i = 0; i < directory_entries(word(context)); ++i) {
    const uint64_t link = word((word(context) & frame) + 8 * i);
    for (uint64_t j = 0; (link & 1) != 0 && j < 64; ++j) {
      if ((word((link & frame) + 64 * j) & 1) != 0) found.insert(static_cast<uint32_t>(64 * i + j));
    }
  }
  found.erase(static_cast<uint32_t>(word(context + 8) & 0xfffff));
  return found;
}

std::vector<page_run> device_tables::reach(const request_path& path,
                                           std::set<uint64_t>& tables) const {
  std::vector<page_run> runs;
  if (path.translates()) {
    walk({path.kind == request_kind::first_level, path.levels, path.table, 0, true}, runs, tables);
  }
  return runs;
}

page_run device_tables::entry_of(const request_path& path, uint64_t page) const {
  const bool first_level = path.kind == request_kind::first_level;
  uint64_t table = path.table;
  bool writable = true;
  for (unsigned level = path.levels;; --level) {
    const uint64_t span = span_at(level);
    const uint64_t entry = word(table + 8 * (page / span & 511));
    const uint64_t first = page & ~(span - 1);
    if (!is_present(first_level, entry)) return {first, first + span - 1, 0, false};
    writable = writable && (entry & 2) != 0;
    if (is_leaf(level, entry)) return {first, first + span - 1, (entry & frame) >> 12, writable};
    table = entry & frame;
  }
}

void device_tables::add_pages_above(std::set<uint64_t>& pages) const {
  pages.insert(root_);
  for (uint64_t i = 0; i < 512; ++i) {
    if (!scalable_ && i % 2 == 1) continue;
    const uint64_t half = word(root_ + 8 * i);
    if ((half & 1) == 0) continue;
    pages.insert(half & frame);
    for (uint64_t j = 0; scalable_ && j < 128; ++j) {
      const uint64_t context = word((half & frame) + 32 * j);
      if ((context & 1) != 0) add_pasid_pages(context, pages);
    }
  }
}

void device_tables::add_pasid_pages(uint64_t context, std::set<uint64_t>& pages) const {
  const uint64_t directory = context & frame;
  const uint64_t entries = directory_entries(context);
  for (uint64_t at = 0; at < 8 * entries; at += page_size) pages.insert(directory + at);
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t link = word(directory + 8 * i);
    if ((link & 1) != 0) pages.insert(link & frame);
  }
}

void device_tables::walk(const table_of& table, std::vector<page_run>& runs,
                         std::set<uint64_t>& tables) const {
  EXPECT_TRUE(tables.insert(table.address).second) << "a table is reached twice";
  const auto* const entries = memory_.object_at<uint64_t>(phys_addr(table.address), size_t{512});
  if (entries == nullptr) {
    ADD_FAILURE() << "no memory for the table at 0x" << std::hex << table.address;
    return;
  }
  // A device's requests are a user's, and nothing here is only to be written.
  const uint64_t needed = table.first_level ? 5 : 1;
  const uint64_t span = span_at(table.level);
  for (uint64_t i = 0; i < 512; ++i) {
    const uint64_t entry = entries[i];
    if (entry == 0) continue;
    const uint64_t page = table.page + i * span;
    if ((entry & needed) != needed) {
      ADD_FAILURE() << "page 0x" << std::hex << page << ": entry 0x" << entry;
      continue;
    }
    const bool writable = table.writable && (entry & 2) != 0;
    if (!is_leaf(table.level, entry)) {
      walk({table.first_level, table.level - 1, entry & frame, page, writable}, runs, tables);
      continue;
    }
    const uint64_t to = (entry & frame) >> 12;
    if ((to & (span - 1)) != 0) ADD_FAILURE() << "superpage 0x" << std::hex << entry;
    append_run(runs, {page, page + span - 1, to, writable});
  }
}

}  // namespace iommulab::test
