// SPDX-License-Identifier: GPL-2.0-only
//
// What is known of each table page beyond its contents: when each word was written last, which
// words have not been written back from the CPU's cache, and whether the page is a table still.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "core/types.h"
#include "platform/vtd/sanitizer/write_history.h"

namespace iommulab {

class table_shadow {
 public:
  void written(uint64_t word, episode when);
  /// Whole cache lines, so what lies beside goes too.
  void flushed(uint64_t start, uint64_t bytes);
  void allocated(uint64_t page, episode when);
  void freed(uint64_t page, episode when);
  /// An entry that pointed to `page` does no longer; nothing when the page is not known.
  void unlinked(uint64_t page, episode when);

  /// When the word got its value: by a store, or by the clearing of its page; 0 when nobody saw it.
  [[nodiscard]] episode last_write(uint64_t word) const;
  [[nodiscard]] bool is_unflushed(uint64_t word) const;
  /// When the page that holds `word` was freed, unless it has been taken again; else 0.
  [[nodiscard]] episode freed_at(uint64_t word) const;
  /// When an entry ceased to point to the page of `word`, or 0.
  [[nodiscard]] episode unlinked_at(uint64_t word) const;

 private:
  static constexpr size_t words = page_size / sizeof(uint64_t);
  struct page {
    episode cleared = 0;
    episode freed = 0;
    episode unlinked = 0;
    std::array<episode, words> written{};
    std::bitset<words> unflushed;
  };
  static size_t index_of(uint64_t word) { return (word & ~page_mask) / sizeof(uint64_t); }
  page& page_of(uint64_t address);
  [[nodiscard]] const page* find(uint64_t address) const;

  absl::flat_hash_map<uint64_t, std::unique_ptr<page>> pages_;
};

}  // namespace iommulab
