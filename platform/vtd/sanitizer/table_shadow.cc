// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/sanitizer/table_shadow.h"

#include <algorithm>

namespace iommulab {

void table_shadow::written(uint64_t word, episode when) {
  page& p = page_of(word);
  p.written[index_of(word)] = when;
  p.unflushed.set(index_of(word));
}

void table_shadow::flushed(uint64_t start, uint64_t bytes) {
  constexpr uint64_t line_bytes = 64;
  const uint64_t end = (start + bytes + line_bytes - 1) & ~(line_bytes - 1);
  uint64_t at = start & ~(line_bytes - 1);
  while (at < end) {
    const uint64_t page_end = (at & page_mask) + page_size;
    const uint64_t stop = std::min(end, page_end);
    if (const auto found = pages_.find(at & page_mask); found != pages_.end()) {
      for (uint64_t word = at; word < stop; word += sizeof(uint64_t)) {
        found->second->unflushed.reset(index_of(word));
      }
    }
    at = stop;
  }
}

void table_shadow::allocated(uint64_t address, episode when) {
  page& p = page_of(address);
  p.cleared = when;
  p.freed = 0;
  p.unlinked = 0;
  p.written.fill(0);
  p.unflushed.set();
}

void table_shadow::freed(uint64_t address, episode when) {
  page_of(address).freed = when;
}

void table_shadow::unlinked(uint64_t address, episode when) {
  const auto found = pages_.find(address & page_mask);
  if (found != pages_.end()) found->second->unlinked = when;
}

episode table_shadow::last_write(uint64_t word) const {
  const page* p = find(word);
  return p == nullptr ? 0 : std::max(p->cleared, p->written[index_of(word)]);
}

bool table_shadow::is_unflushed(uint64_t word) const {
  const page* p = find(word);
  return p != nullptr && p->unflushed.test(index_of(word));
}

episode table_shadow::freed_at(uint64_t word) const {
  const page* p = find(word);
  return p == nullptr ? 0 : p->freed;
}

episode table_shadow::unlinked_at(uint64_t word) const {
  const page* p = find(word);
  return p == nullptr ? 0 : p->unlinked;
}

table_shadow::page& table_shadow::page_of(uint64_t address) {
  std::unique_ptr<page>& p = pages_[address & page_mask];
  if (p == nullptr) p = std::make_unique<page>();
  return *p;
}

const table_shadow::page* table_shadow::find(uint64_t address) const {
  const auto found = pages_.find(address & page_mask);
  return found == pages_.end() ? nullptr : found->second.get();
}

}  // namespace iommulab
