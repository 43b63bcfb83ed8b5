// SPDX-License-Identifier: GPL-2.0-only
//
// What a processor does to remapping tables, as far as nobody sees it in the tables themselves:
// the order of its stores, cache lines written back, pages taken and given back, promises made to
// callers. The driver reports to whoever is on `environment::tables`; with nobody there a report
// costs one predictable branch.
//
// Threads: reports come from the thread that does the work, one at a time.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace iommulab {

/// Which structure a word belongs to (VT-d specification 9.1, 9.3, 9.8; of scalable mode 9.2, 9.4
/// to 9.7).
enum class table_kind : uint8_t {
  root,
  context,
  paging,  ///< second level
  scalable_root,
  scalable_context,
  pasid_directory,
  pasid_entry,
  first_level,
};

/// A range of addresses that a device is no longer to reach.
struct unmapped_range {
  phys_addr unit;    ///< base of the registers of a unit that translates for the domain
  domain_id domain;  ///< on that unit
  dma_addr first;
  dma_addr last;          ///< inclusive
  bool deferred = false;  ///< the invalidation comes later, which the caller has been told
};

class table_observer {
 public:
  virtual ~table_observer() = default;

  /// The word at `word` was stored, 8 bytes at once. Each store is its own report, in the order of
  /// the stores.
  virtual void table_word_written(table_kind kind, phys_addr word, uint64_t before,
                                  uint64_t after) = 0;
  /// The cache lines under `bytes` from `start` on were written back to memory.
  virtual void cache_lines_flushed(phys_addr start, uint64_t bytes) = 0;
  /// A page was taken for a table, and cleared.
  virtual void table_page_allocated(phys_addr page) = 0;
  virtual void table_page_freed(phys_addr page) = 0;
  /// An unmap operation is about to return. Once for each unit that the domain is on.
  virtual void unmap_returned(const unmapped_range& range) = 0;
};

}  // namespace iommulab
