// SPDX-License-Identifier: GPL-2.0-only
//
// What the tables in memory say at this moment, read without touching a cache of the unit, and
// apart from its walker: permissions and addresses only, no faults.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "core/types.h"
#include "platform/memory/physical_memory.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab {

/// The table words that were read, outermost first.
class word_path {
 public:
  void add(uint64_t word) {
    if (count_ < words_.size()) words_[count_++] = word;
  }
  [[nodiscard]] absl::Span<const uint64_t> words() const { return {words_.data(), count_}; }

 private:
  static constexpr size_t most = 12;  // root, context, PASID directory and table, five levels
  std::array<uint64_t, most> words_{};
  size_t count_ = 0;
};

struct context_in_memory {
  bool present = false;
  vtd::translation_type type{};
  domain_id domain;
  unsigned levels = 0;
  uint64_t table = 0;
};

struct page_in_memory {
  bool present = false;
  bool readable = false;  ///< of all levels together, like `writable`
  bool writable = false;
  uint64_t address = 0;  ///< where the address that was asked for leads
};

class table_reader {
 public:
  explicit table_reader(const physical_memory& memory) : memory_(memory) {}

  context_in_memory context_of(uint64_t root, uint16_t source, word_path& path) const;
  page_in_memory page_of(uint64_t table, unsigned levels, uint64_t address, word_path& path) const;
  /// The table that an entry at `level` of the way to `address` points to; none when the way ends
  /// before.
  [[nodiscard]] std::optional<uint64_t> table_below(uint64_t table, unsigned levels,
                                                    uint64_t address, unsigned level,
                                                    word_path& path) const;
  /// The lowest address of `first`..`last` (inclusive) that is mapped.
  [[nodiscard]] std::optional<uint64_t> first_mapped(uint64_t table, unsigned levels,
                                                     uint64_t first, uint64_t last) const;
  /// A context under `root` that translates for `domain`.
  [[nodiscard]] std::optional<context_in_memory> context_of_domain(uint64_t root,
                                                                   domain_id domain) const;
  /// The entry under `root` that has `page` for a table; `root` itself when that is the page.
  [[nodiscard]] std::optional<uint64_t> entry_leading_to(uint64_t root, uint64_t page) const;
  /// A word of memory, 0 where there is none.
  [[nodiscard]] uint64_t word(uint64_t address) const;

 private:
  const physical_memory& memory_;
};

}  // namespace iommulab
