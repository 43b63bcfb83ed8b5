// SPDX-License-Identifier: GPL-2.0-only
//
// Walking page tables of any format. A format (second_level.h) says what an entry means; here is
// how tables hang together. What an item, an entry, a table and a run are, the README defines.
//
// Nothing here takes a lock. Items are loaded with acquire and stored with release order: who sees
// a table linked sees it zeroed, and a unit sees an entry whole or not at all. No pointer outlives
// the function that takes it.
//
// The finders are what most mappings, unmappings and look-ups consist of: they are inlined, so
// that the levels which a caller knows are known in the loop too.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/panic.h"
#include "core/types.h"
#include "intel/page_table/levels.h"
#include "platform/memory/physical_memory.h"

namespace iommulab {

/// An item's entry as it is now. Other threads, and the unit, may look at it and, above the leaves,
/// write it.
template <typename Entry>
Entry load_entry(Entry* item) {
  return Entry{std::atomic_ref<uint64_t>(item->value).load(std::memory_order_acquire)};
}
/// For items that are the caller's alone to write.
template <typename Entry>
void store_entry(Entry* item, Entry entry) {
  std::atomic_ref<uint64_t>(item->value).store(entry.value, std::memory_order_release);
}
/// For items that others may fill at the same time: puts `entry` where `found` is. False when
/// something else was there, which `found` then is.
template <typename Entry>
bool exchange_entry(Entry* item, Entry& found, Entry entry) {
  return std::atomic_ref<uint64_t>(item->value).compare_exchange_strong(found.value, entry.value);
}

/// Whether an item is the first of its table; one past the last counts as first.
template <typename Entry>
bool is_first_item(const Entry* item) {
  return (reinterpret_cast<uintptr_t>(item) & ~page_mask) == 0;
}
/// Items from this one to the end of its table.
template <typename Entry>
uint64_t items_left(const Entry* item) {
  return (page_size - (reinterpret_cast<uintptr_t>(item) & ~page_mask)) / sizeof(Entry);
}

/// The table at `address`: throws kernel_bug when it is not in memory.
template <typename Format>
typename Format::entry* table_in(const physical_memory& memory, phys_addr address) {
  auto* table = memory.object_at<typename Format::entry>(address, Format::items_per_table);
  bug_on(table == nullptr, "a table pointer leads outside of memory");
  return table;
}

/// The way from the top table down to `pfn`, an item at a time.
template <typename Format>
class descent {
 public:
  using entry = typename Format::entry;

  descent(const physical_memory& memory, phys_addr top, int levels, uint64_t pfn)
      : memory_(memory), pfn_(pfn), level_(levels), item_(item_in(top)) {}

  [[nodiscard]] int level() const { return level_; }
  [[nodiscard]] entry* item() const { return item_; }
  [[nodiscard]] entry load() const { return load_entry(item_); }
  /// Into the table that `link`, the item's entry, leads to.
  void enter(entry link) {
    --level_;
    item_ = item_in(Format::address(link));
  }
  /// As far as tables lead: the entry there is a leaf, or a hole.
  entry go_down() {
    entry found = load();
    while (level_ > 1 && Format::leads_to_table(found)) {
      enter(found);
      found = load();
    }
    return found;
  }

 private:
  entry* item_in(phys_addr table) const {
    return table_in<Format>(memory_, table) + pfn_level_offset(pfn_, level_);
  }

  const physical_memory& memory_;
  uint64_t pfn_;
  int level_;
  entry* item_;
};

/// The items of one table that a range of pages touches, in order.
template <typename Format>
class items_of_table {
 public:
  using entry = typename Format::entry;

  /// `table` is at `level` and for the pages from `table_pfn` on, some of which are in `range`.
  items_of_table(entry* table, int level, uint64_t table_pfn, const pfn_range& range)
      : range_(range),
        level_(level),
        pfn_(std::max(range.start_pfn, table_pfn) & level_mask(level)),
        item_(table + pfn_level_offset(pfn_, level)) {}

  [[nodiscard]] bool done() const { return done_; }
  void next() {
    pfn_ += level_size(level_);
    done_ = is_first_item(++item_) || pfn_ > range_.last_pfn;
  }
  [[nodiscard]] entry* item() const { return item_; }
  [[nodiscard]] entry load() const { return load_entry(item_); }
  /// The first page that the item is for.
  [[nodiscard]] uint64_t pfn() const { return pfn_; }
  /// Whether all of its pages are in the range.
  [[nodiscard]] bool covered() const { return range_.covers(pfn_, level_); }

 private:
  const pfn_range& range_;
  int level_;
  uint64_t pfn_;
  entry* item_;
  bool done_ = false;
};

/// The table at `level` that holds the item for `pfn`, when tables lead to it all the way; null
/// when one is missing, out of memory, or a leaf stands there. There is a top table, of `levels`
/// levels, and `level` is one of them.
template <typename Format>
[[gnu::always_inline]] inline typename Format::entry* find_table(const physical_memory& memory,
                                                                 phys_addr top, int levels,
                                                                 uint64_t pfn, int level) {
  using entry = typename Format::entry;
  const page_finder pages(memory);
  auto* table = reinterpret_cast<entry*>(pages.at(top));
  const unsigned target = level_to_offset_bits(level);
  for (unsigned shift = level_to_offset_bits(levels); shift != target; shift -= level_stride) {
    if (table == nullptr) [[unlikely]]
      return nullptr;
    const entry found = load_entry(&table[(pfn >> shift) & (Format::items_per_table - 1)]);
    if (!Format::leads_to_table(found)) return nullptr;
    table = reinterpret_cast<entry*>(pages.at(Format::address(found)));
  }
  return table;
}

/// Where the way down to a page ends.
template <typename Format>
struct found_item {
  typename Format::entry* item = nullptr;
  int level = 0;
};

/// The item at which the way to `pfn` ends, as descent::go_down() has it: a leaf, or a hole; null
/// when a table is out of memory.
template <typename Format>
[[gnu::always_inline]] inline found_item<Format> find_item(const physical_memory& memory,
                                                           phys_addr top, int levels,
                                                           uint64_t pfn) {
  using entry = typename Format::entry;
  const page_finder pages(memory);
  auto* table = reinterpret_cast<entry*>(pages.at(top));
  for (int level = levels; table != nullptr; --level) {
    entry* item = &table[pfn_level_offset(pfn, level)];
    const entry found = load_entry(item);
    if (level == 1 || !Format::leads_to_table(found)) return {item, level};
    table = reinterpret_cast<entry*>(pages.at(Format::address(found)));
  }
  return {};
}

/// Successive items of one table.
template <typename Format>
struct item_run {
  typename Format::entry* first = nullptr;
  uint64_t count = 0;
  [[nodiscard]] typename Format::entry* end() const { return first + count; }
};

/// The items at `level` that are for exactly these pages, one or more, when all of them lie in one
/// table that is there, and are not the whole of it; none otherwise.
template <typename Format>
[[gnu::always_inline]] inline item_run<Format> find_run(const physical_memory& memory,
                                                        phys_addr top, int levels, pfn_range range,
                                                        int level) {
  const unsigned bits = level_to_offset_bits(level);
  const uint64_t count = (range.last_pfn - range.start_pfn + 1) >> bits;
  const bool exactly = ((range.start_pfn | (range.last_pfn + 1)) & ~level_mask(level)) == 0;
  const bool one_table = ((range.start_pfn ^ range.last_pfn) >> bits) < Format::items_per_table;
  if (!exactly || !one_table || count == Format::items_per_table) return {};
  auto* table = find_table<Format>(memory, top, levels, range.start_pfn, level);
  if (table == nullptr) return {};
  return {&table[pfn_level_offset(range.start_pfn, level)], count};
}

/// The leaf entries of one level for pages that follow one another.
template <typename Format>
class leaf_sequence {
 public:
  leaf_sequence(uint64_t pfn, phys_addr page, int level, uint64_t attributes)
      : first_pfn_(pfn),
        first_(Format::leaf_entry(page, level, attributes)),
        step_(level_size(level) << page_shift),
        entry_(first_) {}

  /// The next entry, and the page that it is for.
  [[nodiscard]] typename Format::entry entry() const { return entry_; }
  [[nodiscard]] uint64_t pfn() const {
    return first_pfn_ + ((entry_.value - first_.value) >> page_shift);
  }
  void next() { entry_.value += step_; }  // the address field counts in place

 private:
  uint64_t first_pfn_;
  typename Format::entry first_;
  uint64_t step_;
  typename Format::entry entry_;
};

}  // namespace iommulab
