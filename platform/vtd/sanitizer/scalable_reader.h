// SPDX-License-Identifier: GPL-2.0-only
//
// What scalable mode's tables in memory say at this moment, read without touching a cache of the
// unit, and apart from its walker: where things lead and what is permitted, no faults.
#pragma once

#include <cstdint>
#include <optional>

#include "core/types.h"
#include "platform/vtd/sanitizer/table_reader.h"
#include "platform/vtd/spec/pasid_entry.h"

namespace iommulab {

struct scalable_context_in_memory {
  bool present = false;
  bool device_tlb = false;
  bool pasid_enabled = false;
  uint32_t request_pasid = 0;
  uint32_t pasids = 0;
  uint64_t directory = 0;
};

struct pasid_entry_in_memory {
  bool present = false;
  vtd::pasid_translation type{};
  domain_id domain;
  unsigned levels = 0;  ///< of the second level
  uint64_t table = 0;
  unsigned first_levels = 0;
  uint64_t first_table = 0;  ///< with nesting a guest address

  [[nodiscard]] bool has_first_level() const {
    return type == vtd::pasid_translation::first_level || type == vtd::pasid_translation::nested;
  }
  [[nodiscard]] bool has_second_level() const {
    return type == vtd::pasid_translation::second_level || type == vtd::pasid_translation::nested;
  }
};

struct first_level_in_memory {
  bool present = false;
  bool writable = false;  ///< of all levels together, like `user`
  bool user = false;
  uint64_t address = 0;  ///< where the address that was asked for leads
};

class scalable_reader {
 public:
  explicit scalable_reader(const table_reader& tables) : tables_(tables) {}

  scalable_context_in_memory context_of(uint64_t root, uint16_t source, word_path& path) const;
  /// Of the context entry's PASID when there is none here.
  pasid_entry_in_memory entry_of(uint64_t root, uint16_t source, std::optional<uint32_t> pasid,
                                 word_path& path) const;
  first_level_in_memory page_of(const pasid_entry_in_memory& entry, uint64_t address,
                                word_path& path) const;
  /// The lowest address of `first`..`last` (inclusive) that a first level without nesting maps.
  [[nodiscard]] std::optional<uint64_t> first_mapped(uint64_t table, unsigned level, uint64_t first,
                                                     uint64_t last) const;
  /// An entry under `root` that translates for `domain`.
  [[nodiscard]] std::optional<pasid_entry_in_memory> entry_of_domain(uint64_t root,
                                                                     domain_id domain) const;
  /// The word under `root` that has `page` for a table; `root` itself when that is the page.
  [[nodiscard]] std::optional<uint64_t> entry_leading_to(uint64_t root, uint64_t page) const;

 private:
  [[nodiscard]] pasid_entry_in_memory decode(uint64_t at) const;
  /// Calls `f` with where each present context entry is; ends at the first that returns something.
  template <typename F>
  std::optional<uint64_t> each_context(uint64_t root, F f) const;
  template <typename F>
  std::optional<uint64_t> each_entry(uint64_t context, F f) const;

  const table_reader& tables_;
};

}  // namespace iommulab
