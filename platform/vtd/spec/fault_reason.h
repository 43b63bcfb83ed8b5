// SPDX-License-Identifier: GPL-2.0-only
//
// Why a request was blocked (VT-d specification 7.1, fault conditions; 5.1.4 for interrupts).
// The values are what FRCD.FR holds.
#pragma once

#include <cstdint>
#include <string_view>

namespace iommulab::vtd {

enum class fault_reason : uint8_t {
  none = 0x00,
  root_entry_not_present = 0x01,     ///< LRT.2
  context_entry_not_present = 0x02,  ///< LCT.2
  invalid_context_entry = 0x03,      ///< LCT.4: TT, AW or tables that hardware refuses
  address_beyond_width = 0x04,       ///< LGN.1: above AGAW or MGAW, or a refused range
  write_not_permitted = 0x05,        ///< LGN.2
  read_not_permitted = 0x06,         ///< LGN.3
  paging_entry_access = 0x07,        ///< LSS.1 (LSL.1 before revision 3.4): unreadable
  root_table_access = 0x08,          ///< LRT.1
  context_table_access = 0x09,       ///< LCT.1
  root_entry_reserved = 0x0a,        ///< LRT.3
  context_entry_reserved = 0x0b,     ///< LCT.3
  paging_entry_reserved = 0x0c,      ///< LSS.2 (LSL.2)
  translation_type_blocks = 0x0d,    ///< LCT.5: ATS request while TT does not allow it
  interrupt_range_output = 0x0e,     ///< LGN.4: tables lead into FEEx_xxxxh (revision 3.0 on)

  interrupt_request_reserved = 0x20,  ///< reserved field in a remappable request
  interrupt_index_out_of_table = 0x21,
  irte_not_present = 0x22,
  interrupt_table_access = 0x23,
  irte_reserved = 0x24,
  compatibility_interrupt_blocked = 0x25,
  interrupt_source_validation = 0x26,
};

constexpr bool is_interrupt_fault(fault_reason reason) {
  return static_cast<uint8_t>(reason) >= 0x20;
}

/// The specification's condition, in the enumerator's words: "root_entry_not_present".
std::string_view name(fault_reason reason);

/// The mnemonic of the condition in the specification's table ("LRT.2"); interrupt conditions
/// have none of their own and give their number.
std::string_view mnemonic(fault_reason reason);

/// A qualified condition is not recorded when the context entry's FPD is set; the root and
/// context lookups that come before FPD is known are recorded always (7.1, last column).
constexpr bool is_qualified(fault_reason reason) {
  switch (reason) {
    case fault_reason::context_entry_not_present:
    case fault_reason::invalid_context_entry:
    case fault_reason::address_beyond_width:
    case fault_reason::write_not_permitted:
    case fault_reason::read_not_permitted:
    case fault_reason::paging_entry_access:
    case fault_reason::context_entry_reserved:
    case fault_reason::paging_entry_reserved:
    case fault_reason::translation_type_blocks:
    case fault_reason::interrupt_range_output:
    case fault_reason::irte_not_present:
    case fault_reason::irte_reserved:
    case fault_reason::interrupt_source_validation:
      return true;
    default:
      return false;
  }
}

}  // namespace iommulab::vtd
