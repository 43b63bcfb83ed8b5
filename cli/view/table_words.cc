// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/table_words.h"

#include "core/types.h"

namespace iommulab::view {
namespace {

void append_word(std::string& bytes, uint64_t word) {
  for (unsigned shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(word >> shift & 0xff);
}

}  // namespace

void table_words::add(const trace_event& event) {
  if (const auto* entry = event.as<events::table_write>()) {
    const bool is_one_word = entry->table == "pte";
    write(entry->address, entry->lo_before, entry->lo, is_one_word);
    if (!is_one_word) write(entry->address + 8, entry->hi_before, entry->hi, true);
  }
  if (const auto* pages = event.as<events::page>()) {
    const bool is_taken = pages->action == events::page_action::alloc;
    put(is_taken ? what::taken : what::freed, pages->address, pages->order, true);
    if (!is_taken) return;
    const uint64_t first = pages->address >> page_shift;
    for (uint64_t i = 0; i < uint64_t{1} << pages->order; ++i) known_.erase(first + i);
  }
}

void table_words::write(uint64_t address, uint64_t before, uint64_t value, bool is_last) {
  const bool is_new = known_[address >> page_shift].insert(address).second;
  if (is_new && before != 0) put(what::found, address, before, false);
  put(what::written, address, value, is_last);
}

void table_words::put(what happened, uint64_t address, uint64_t value, bool is_last) {
  append_word(bytes_, address | static_cast<uint64_t>(happened) | (is_last ? 0 : more));
  append_word(bytes_, value);
}

}  // namespace iommulab::view
