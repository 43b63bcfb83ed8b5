// SPDX-License-Identifier: GPL-2.0-only
//
// Root and context entries become visible to a unit. An entry is two words, and the unit looks at
// nothing of it while the present bit in the lower one is clear: so the upper word is stored first
// when an entry comes, and last when it goes (VT-d specification 6.2.2, "present bit last"). Each
// word is one store of 8 bytes with release order, told to the observer; what was stored is then
// flushed for a unit that does not snoop.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "intel/hw/memory.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab {

template <typename Entry>
struct entry_traits;
template <>
struct entry_traits<vtd::root_entry> {
  static constexpr table_kind kind = table_kind::root;
};
template <>
struct entry_traits<vtd::context_entry> {
  static constexpr table_kind kind = table_kind::context;
};

/// What an event calls an entry of two words.
constexpr std::string_view entry_name(table_kind kind) {
  switch (kind) {
    case table_kind::root:
      return "root";
    case table_kind::scalable_root:
      return "scalable_root";
    case table_kind::scalable_context:
      return "scalable_context";
    default:
      return "context";
  }
}

/// Stores one word of an entry.
inline void store_word(const driver_base& drv, table_kind kind, uint64_t& word, uint64_t value) {
  const uint64_t before = word;
  std::atomic_ref<uint64_t>(word).store(value, std::memory_order_release);
  observe_table_write(drv, kind, &word, before);
}

/// The event of an entry that was written, and was `before`.
template <typename Entry>
void trace_entry(driver_base& drv, const Entry* entry, const Entry& before,
                 table_kind kind = entry_traits<Entry>::kind) {
  if (!drv.trace.on(trace_class::tables)) return;
  trace_table_write(drv, entry_name(kind), virt_to_phys(drv, entry), entry->lo, entry->hi,
                    before.lo, before.hi);
}

/// Makes an entry what `value` says, present bit last, and calls `flush` with the address and the
/// size of what that changed. `kind`: what the entry is in the mode that the unit runs in.
template <typename Entry, typename Flush>
void publish(driver_base& drv, table_kind kind, Entry* entry, const Entry& value, Flush&& flush) {
  const Entry before = *entry;
  const bool upper = entry->hi != value.hi;
  const bool lower = entry->lo != value.lo;
  if (upper) store_word(drv, kind, entry->hi, value.hi);
  if (lower) store_word(drv, kind, entry->lo, value.lo);
  if (!upper && !lower) return;
  trace_entry(drv, entry, before, kind);
  const uint64_t* first = lower ? &entry->lo : &entry->hi;
  flush(first, upper && lower ? sizeof(Entry) : sizeof(uint64_t));
}
template <typename Entry, typename Flush>
void publish(driver_base& drv, Entry* entry, const Entry& value, Flush&& flush) {
  publish(drv, entry_traits<Entry>::kind, entry, value, std::forward<Flush>(flush));
}
/// For an entry of a table that is flushed as a whole before a unit is told of it.
template <typename Entry>
void publish(driver_base& drv, Entry* entry, const Entry& value) {
  publish(drv, entry, value, [](const void*, size_t) {});
}

/// Takes an entry from a unit's sight, present bit first.
template <typename Entry>
void retract(const driver_base& drv, Entry& entry, table_kind kind = entry_traits<Entry>::kind) {
  store_word(drv, kind, entry.lo, 0);
  store_word(drv, kind, entry.hi, 0);
}

}  // namespace iommulab
