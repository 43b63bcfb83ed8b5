// SPDX-License-Identifier: GPL-2.0-only
//
// The walk: root entry, context entry, second-level tables, as hardware does it (VT-d
// specification 3.4.2, 3.7): steps 3 and 5 of README.md. Reads memory and the paging-structure
// caches; decides nothing about recording. Each step that can fail names its reason (7.1).
#pragma once

#include <array>
#include <cstdint>

#include "core/types.h"
#include "platform/memory/physical_memory.h"
#include "platform/vtd/config.h"
#include "platform/vtd/context_cache.h"
#include "platform/vtd/diagnosis.h"
#include "platform/vtd/iotlb.h"
#include "platform/vtd/paging_structure_cache.h"
#include "platform/vtd/translation.h"

namespace iommulab {

class unit_observers;

class page_walker {
 public:
  page_walker(const vtd_config& config, const physical_memory& memory,
              paging_structure_cache& structures, diagnosis_log& diagnoses,
              const unit_observers& observers);

  /// Root and context entry of `source` under the root table at `root_table`. Never looks at the
  /// context-cache. A failed lookup says why in `reason`.
  [[nodiscard]] context load_context(uint64_t root_table, uint16_t source) const;

  /// The leaf for `address` in `ctx`'s tables. `check_access`: refuse at the first entry that does
  /// not allow `access`, as untranslated requests are; a translation request takes what there is.
  /// A failed walk says why in `reason`.
  /// `observers`: unit_observers, or nobody.
  template <typename Observers>
  [[nodiscard]] iotlb_entry walk(const Observers& observers, const context& ctx, uint64_t address,
                                 dma_access access, bool check_access);

 private:
  [[nodiscard]] context failed_context(vtd::fault_reason reason, bool fpd) const;
  enum class entry_update : uint8_t { done, changed_meanwhile, not_coherent };
  template <typename Observers>
  [[gnu::noinline]] entry_update set_accessed(const Observers& observers, const context& ctx,
                                              uint64_t word, vtd::second_level_entry& entry,
                                              bool dirties);
  void check_programming(const vtd::context_entry& entry, context& ctx) const;

  const vtd_config& config_;
  const physical_memory& memory_;
  paging_structure_cache& structures_;
  diagnosis_log& diagnoses_;
  const unit_observers& observers_;
  static constexpr size_t level_slots = 6;  // indexed by level, 1..5
  std::array<uint64_t, level_slots> reserved_leaf_{};
  std::array<uint64_t, level_slots> reserved_table_{};
};

}  // namespace iommulab
