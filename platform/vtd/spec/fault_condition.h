// SPDX-License-Identifier: GPL-2.0-only
//
// Every fault reason that a revision of the VT-d specification defines (revision 5.10: table 30 of
// 7.1.3 for DMA, table 15 of 5.1.4.1 for interrupts), legacy and scalable mode alike. What the
// simulated unit can report is the part of it in fault_reason.h.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"

namespace iommulab::vtd {

/// What hardware was looking at when it found the condition, in the order in which it looks.
enum class lookup_step : uint8_t {
  interrupt,      ///< an interrupt request: no DMA, no address
  root_register,  ///< RTADDR: the mode of the tables
  root_entry,     ///< legacy or scalable mode's
  context_entry,  ///< legacy or scalable mode's
  pasid_directory,
  pasid_entry,
  address,          ///< the request's address as such, before any paging entry
  paging_entry,     ///< a paging entry that is missing, broken or cannot be read
  permission,       ///< rights of paging entries that are there, or the lack of one
  output_address,   ///< where the paging entries lead
  host_permission,  ///< the table of what translated requests may touch
};

struct fault_condition {
  uint8_t reason;
  std::string_view mnemonic;  ///< "LRT.2"; interrupt conditions have none but their number
  std::string_view section;   ///< what describes the entry or check
  std::string_view since;     ///< the revision it appears in; empty: the first ones
  std::string_view last;      ///< the last revision that has it; empty: it is there still
  lookup_step step;
};

/// The conditions by number.
absl::Span<const fault_condition> fault_conditions();
/// Null for a number that every revision known here reserves.
const fault_condition* find_fault_condition(uint8_t reason);

/// Whether hardware had read a paging entry: only then does the fault say something about a
/// mapping. Conditions of root, context and PASID entries, and of the address itself, come before.
constexpr bool paging_entries_were_read(lookup_step step) {
  return step == lookup_step::paging_entry || step == lookup_step::permission ||
         step == lookup_step::output_address;
}

/// Whether a record with this interrupt reason names the interrupt's index: FRCD.FI is undefined
/// for the others (11.4.7.6).
bool records_interrupt_index(uint8_t reason);

}  // namespace iommulab::vtd
