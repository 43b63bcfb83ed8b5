// SPDX-License-Identifier: GPL-2.0-only
//
// Which of the processor's cache lines hold words of remapping tables that were never written back.
// A unit that does not snoop reads memory (VT-d specification 6.2.2, ECAP.C and ECAP.SMPWC), so
// that a page has to be clean before an entry leads to it, and an entry before the unit is told.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "core/environment.h"
#include "core/table_observer.h"

namespace iommulab::test {

class cache_lines final : public table_observer {
 public:
  /// `flushed_pages_first`: a page that an entry comes to lead to is clean, or the test fails.
  explicit cache_lines(environment& env, bool flushed_pages_first = true)
      : flushed_pages_first_(flushed_pages_first), subscription_(env.tables.add(this)) {}

  /// Addresses of lines that are not written back.
  [[nodiscard]] const std::set<uint64_t>& dirty() const { return dirty_; }

  using flush = std::pair<uint64_t, uint64_t>;  // first byte, bytes
  /// What was written back since the last call.
  std::vector<flush> flushes() { return std::exchange(flushes_, {}); }

  using store = std::pair<uint64_t, uint64_t>;  // address, value
  /// Words that were stored since the last call, in order.
  std::vector<store> stores() { return std::exchange(stores_, {}); }

  void table_word_written(table_kind /*kind*/, phys_addr word, uint64_t /*before*/,
                          uint64_t after) override {
    const uint64_t page = after & frame;
    if (flushed_pages_first_ && pages_.contains(page) && is_dirty(page)) {
      ADD_FAILURE() << std::hex << "0x" << word.value() << " is made to lead to 0x" << page
                    << ", which is in the cache alone";
    }
    dirty_.insert(word.value() & ~(line - 1));
    stores_.emplace_back(word.value(), after);
  }
  void cache_lines_flushed(phys_addr start, uint64_t bytes) override {
    flushes_.emplace_back(start.value(), bytes);
    erase(start.value() & ~(line - 1), start.value() + bytes);
  }
  void table_page_allocated(phys_addr page) override {
    pages_.insert(page.value());
    for (uint64_t at = 0; at < page_size; at += line) dirty_.insert(page.value() + at);
  }
  void table_page_freed(phys_addr page) override {
    pages_.erase(page.value());
    erase(page.value(), page.value() + page_size);
  }
  void unmap_returned(const unmapped_range& /*range*/) override {}

 private:
  static constexpr uint64_t line = 64;
  static constexpr uint64_t frame = 0x000ffffffffff000;

  void erase(uint64_t from, uint64_t to) {
    dirty_.erase(dirty_.lower_bound(from), dirty_.lower_bound(to));
  }
  [[nodiscard]] bool is_dirty(uint64_t page) const {
    const auto at = dirty_.lower_bound(page);
    return at != dirty_.end() && *at < page + page_size;
  }

  bool flushed_pages_first_;
  std::set<uint64_t> dirty_;
  std::set<uint64_t> pages_;
  std::vector<flush> flushes_;
  std::vector<store> stores_;
  listener_list<table_observer*>::subscription subscription_;
};

}  // namespace iommulab::test
