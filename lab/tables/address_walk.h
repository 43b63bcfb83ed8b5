// SPDX-License-Identifier: GPL-2.0-only
//
// One DMA address followed through tables, entry by entry, in the order of the VT-d
// specification's chapter 3. Everything that was read is kept, so that it can be shown.
//
// This is not the unit's translation: it looks at tables alone, wherever they come from, and at no
// cache. Where software invalidated what it changed, both agree.
#pragma once

#include <cstdint>
#include <vector>

#include "lab/replay/table_dump.h"
#include "platform/vtd/config.h"
#include "platform/vtd/translation.h"

namespace iommulab {

/// What of a unit decides where an address leads. `config` outlives the walk.
struct walked_unit {
  const vtd_config& config;
  bool translating = false;  ///< GSTS.TES
  uint64_t root_table = 0;   ///< as SRTP latched it
};

/// One entry as it was read.
struct walk_step {
  verify::table_level level = 0;  ///< of the table: root_level, context_level, or 5..1
  uint64_t table = 0;
  unsigned index = 0;
  bool in_memory = true;  ///< false: there is no memory at `table`, and the words are 0
  uint64_t low = 0;
  uint64_t high = 0;           ///< of a root or context entry
  uint64_t reserved_low = 0;   ///< the bits of `low` that are set and reserved
  uint64_t reserved_high = 0;  ///< likewise of `high`
};

struct address_walk {
  uint16_t requester = 0;
  uint64_t address = 0;
  dma_access access = dma_access::read;

  std::vector<walk_step> steps;  ///< in the order of reading; the last one decided
  dma_outcome outcome = dma_outcome::blocked;
  /// Why it is blocked; none for a request that is dropped without a fault.
  vtd::fault_reason reason = vtd::fault_reason::none;
  /// Of a fault: a record of it is made. The context entry's FPD can forbid that.
  bool recorded = false;
  uint64_t host_address = 0;  ///< of what is not blocked
  unsigned page_bits = 0;     ///< log2 of the mapping's size; 0 where no table mapped anything
  bool readable = false;
  bool writable = false;
  bool snoop = false;

  [[nodiscard]] bool ok() const { return outcome != dma_outcome::blocked; }
};

/// Follows one untranslated request of 4 bytes. `requester` is bus, device and function as they
/// travel with the request.
address_walk walk_address(const walked_unit& unit, const verify::table_source& tables,
                          uint16_t requester, uint64_t address, dma_access access);

}  // namespace iommulab
