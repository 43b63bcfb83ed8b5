// SPDX-License-Identifier: GPL-2.0-only
//
// A unit under the sanitizer, and a processor that writes its tables word by word, reporting what
// it does: the driver's part, played by hand.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "machine.h"
#include "platform/vtd/sanitizer/vtd_sanitizer.h"

namespace iommulab::vtd_test {

inline constexpr uint64_t unit_base = 0xfed90000;
inline constexpr unsigned levels = 3;
inline constexpr unsigned domain = 5;
inline constexpr uint64_t iova = 0x12345000;
inline constexpr uint64_t target = 0x800000;

inline vtd_config coherent_unit() {
  vtd_config config;
  config.ecap.set_page_walk_coherency(true);
  return config;
}

class watched_machine {
 public:
  explicit watched_machine(vtd_config config = coherent_unit())
      : m(std::move(config)), sanitizer(m.memory(), clock, m.trace) {
    sanitizer.watch(m.unit, phys_addr(unit_base));
    contexts = table();
    top = table();
  }

  // --- the processor -----------------------------------------------------------------------
  void store(table_kind kind, uint64_t at, uint64_t value) {
    const uint64_t before = m.word(at);
    m.word(at) = value;
    sanitizer.table_word_written(kind, phys_addr(at), before, value);
  }
  void flush(uint64_t at, uint64_t bytes = 8) {
    sanitizer.cache_lines_flushed(phys_addr(at), bytes);
  }
  void store_flushed(table_kind kind, uint64_t at, uint64_t value) {
    store(kind, at, value);
    flush(at);
  }
  /// A page for a table, clean in memory.
  uint64_t table() {
    const uint64_t page = m.page();
    sanitizer.table_page_allocated(phys_addr(page));
    flush(page, 0x1000);
    return page;
  }
  [[nodiscard]] uint64_t context_word(uint16_t source) const {
    return contexts + uint64_t{16} * (source & 0xffu);
  }
  /// The device translates through `top`, every store in the right order.
  void attach(uint16_t source, unsigned type = 0) {
    store_flushed(table_kind::root, m.root + uint64_t{16} * (source >> 8), contexts | 1);
    const uint64_t at = context_word(source);
    store_flushed(table_kind::context, at + 8, (uint64_t{domain} << 8) | (levels - 2));
    store_flushed(table_kind::context, at, top | (type << 2) | 1);
  }
  /// The word of `address` at `level`, tables above it made on the way.
  uint64_t entry(uint64_t address, unsigned level = 1) {
    uint64_t at = top;
    for (unsigned l = levels;; --l) {
      const uint64_t word = at + ((address >> (12 + 9 * (l - 1))) & 0x1ff) * 8;
      if (l == level) return word;
      if ((m.word(word) & 3) == 0) store_flushed(table_kind::paging, word, table() | 3);
      at = m.word(word) & 0x000ffffffffff000;
    }
  }
  void map(uint64_t address, uint64_t value) {
    store_flushed(table_kind::paging, entry(address), value);
  }
  void unmapped(uint64_t first, uint64_t bytes, bool deferred) {
    sanitizer.unmap_returned({phys_addr(unit_base), domain_id(domain), dma_addr(first),
                              dma_addr(first + bytes - 1), deferred});
  }

  // --- what was found ----------------------------------------------------------------------
  [[nodiscard]] const std::vector<finding>& findings() const { return sanitizer.log().findings(); }
  /// The one finding that there is; a failed test and an empty one when there is another number.
  finding only() const {
    if (findings().size() == 1) return findings().front();
    ADD_FAILURE() << findings().size() << " findings\n" << to_text(sanitizer);
    return {};
  }
  void expect_none() const { EXPECT_TRUE(findings().empty()) << to_text(sanitizer); }

  machine m;
  virtual_clock clock;
  vtd_sanitizer sanitizer;
  uint64_t contexts = 0;
  uint64_t top = 0;
};

}  // namespace iommulab::vtd_test
