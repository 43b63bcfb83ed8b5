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

  // Scalable mode (7.1.3).
  root_register_invalid = 0x30,       ///< RTA.1: TTM reserved, or one that the unit does not have
  pasid_in_legacy_mode = 0x31,        ///< RTA.2: a request with PASID while TTM is legacy
  abort_dma_mode = 0x33,              ///< RTA.4: TTM says that all requests are blocked
  scalable_root_table_access = 0x38,  ///< SRT.1
  scalable_root_entry_not_present = 0x39,     ///< SRT.2: of the half that the device belongs to
  scalable_root_entry_reserved = 0x3a,        ///< SRT.3
  scalable_context_table_access = 0x40,       ///< SCT.1
  scalable_context_entry_not_present = 0x41,  ///< SCT.2
  scalable_context_entry_reserved = 0x42,     ///< SCT.3
  invalid_scalable_context_entry =
      0x43,                       ///< SCT.4: PRE without DTE, RID_PASID beyond the directory
  device_tlb_not_enabled = 0x44,  ///< SCT.5: ATS request while DTE is clear
  pasid_not_enabled = 0x45,       ///< SCT.6: request with PASID while PASIDE is clear
  pasid_beyond_directory = 0x46,  ///< SCT.7: PASID that PDTS has no entry for
  request_has_rid_pasid = 0x48,   ///< SCT.9: a request with PASID that uses RID_PASID
  pasid_directory_access = 0x50,  ///< SPD.1
  pasid_directory_entry_not_present = 0x51,  ///< SPD.2
  pasid_directory_entry_reserved = 0x52,     ///< SPD.3
  pasid_table_access = 0x58,                 ///< SPT.1
  pasid_entry_not_present = 0x59,            ///< SPT.2
  pasid_entry_reserved = 0x5a,               ///< SPT.3
  invalid_pasid_entry = 0x5b,            ///< SPT.4: PGTT, AW or FLPM that the unit does not have
  execute_not_enabled = 0x5c,            ///< SPT.5: execute request while ERE is clear
  supervisor_not_enabled = 0x5d,         ///< SPT.6: privileged request while SRE is clear
  first_level_entry_access = 0x70,       ///< SFS.1: unreadable, below the top table
  first_level_entry_not_present = 0x71,  ///< SFS.2
  first_level_entry_reserved = 0x72,     ///< SFS.3
  first_level_table_access = 0x73,       ///< SFS.4: the top table is unreadable
  first_level_address_beyond_nesting = 0x74,  ///< SFS.5: wider than the second level translates
  first_level_table_denied = 0x75,   ///< SFS.6: the second level does not let the top table be read
  first_level_entry_denied = 0x76,   ///< SFS.7: nor a table below it
  first_level_update_denied = 0x77,  ///< SFS.8: nor A and D bits be set
  second_level_entry_access = 0x78,  ///< SSS.1: unreadable, below the top table
  second_level_entry_not_present = 0x79,    ///< SSS.2: neither R nor W
  second_level_entry_reserved = 0x7a,       ///< SSS.3
  second_level_table_access = 0x7b,         ///< SSS.4: the top table is unreadable
  second_level_update_not_coherent = 0x7c,  ///< SSS.5: A or D to be set, walks do not snoop
  second_level_update_failed = 0x7d,        ///< SSS.6
  address_not_canonical = 0x80,             ///< SGN.1: under the levels of FLPM
  user_access_of_supervisor_page = 0x81,    ///< SGN.2
  execute_not_permitted = 0x82,             ///< SGN.3
  host_address_beyond_width = 0x83,         ///< SGN.4: pass-through or translated request above HAW
  second_level_address_beyond_width = 0x84,  ///< SGN.5: above AW or MGAW
  scalable_write_not_permitted = 0x85,       ///< SGN.6
  scalable_read_not_permitted = 0x86,        ///< SGN.7
  scalable_interrupt_range_output = 0x87,    ///< SGN.8: tables lead into FEEx_xxxxh
  pasid_beyond_unit = 0x89,                  ///< SGN.10: PASID of more bits than PSS
  first_level_update_not_coherent = 0x90,    ///< SFS.9: A or D to be set, walks do not snoop
  first_level_update_failed = 0x91,          ///< SFS.10
};

constexpr bool is_interrupt_fault(fault_reason reason) {
  return static_cast<uint8_t>(reason) >= 0x20 && static_cast<uint8_t>(reason) < 0x30;
}

/// The specification's condition, in the enumerator's words: "root_entry_not_present".
std::string_view name(fault_reason reason);

/// The mnemonic of the condition in the specification's table ("LRT.2"); interrupt conditions
/// have none of their own and give their number.
std::string_view mnemonic(fault_reason reason);

/// Those of scalable mode.
constexpr bool is_scalable_fault(fault_reason reason) {
  return static_cast<uint8_t>(reason) >= 0x30;
}

/// Found before the scalable-mode context entry was read.
constexpr bool is_before_scalable_context(fault_reason reason) {
  switch (reason) {
    case fault_reason::root_register_invalid:
    case fault_reason::pasid_in_legacy_mode:
    case fault_reason::abort_dma_mode:
    case fault_reason::scalable_root_table_access:
    case fault_reason::scalable_root_entry_not_present:
    case fault_reason::scalable_root_entry_reserved:
    case fault_reason::scalable_context_table_access:
    case fault_reason::pasid_beyond_unit:
      return true;
    default:
      return false;
  }
}

/// A qualified condition is not recorded when the context entry's FPD is set, or in scalable mode
/// that of the PASID directory's or table's entry; the root and context lookups that come before
/// FPD is known are recorded always (7.1, last column).
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
      return is_scalable_fault(reason) && !is_before_scalable_context(reason);
  }
}

}  // namespace iommulab::vtd
