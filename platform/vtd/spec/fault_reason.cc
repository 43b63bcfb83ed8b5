// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/spec/fault_reason.h"

#include <algorithm>
#include <array>

namespace iommulab::vtd {
namespace {

using enum fault_reason;

struct reason_row {
  fault_reason reason;
  std::string_view name;
  std::string_view mnemonic;
};

constexpr auto reasons = std::to_array<reason_row>({
    {none, "none", ""},
    {root_entry_not_present, "root_entry_not_present", "LRT.2"},
    {context_entry_not_present, "context_entry_not_present", "LCT.2"},
    {invalid_context_entry, "invalid_context_entry", "LCT.4"},
    {address_beyond_width, "address_beyond_width", "LGN.1"},
    {write_not_permitted, "write_not_permitted", "LGN.2"},
    {read_not_permitted, "read_not_permitted", "LGN.3"},
    {paging_entry_access, "paging_entry_access", "LSS.1"},
    {root_table_access, "root_table_access", "LRT.1"},
    {context_table_access, "context_table_access", "LCT.1"},
    {root_entry_reserved, "root_entry_reserved", "LRT.3"},
    {context_entry_reserved, "context_entry_reserved", "LCT.3"},
    {paging_entry_reserved, "paging_entry_reserved", "LSS.2"},
    {translation_type_blocks, "translation_type_blocks", "LCT.5"},
    {interrupt_range_output, "interrupt_range_output", "LGN.4"},
    {interrupt_request_reserved, "interrupt_request_reserved", "20h"},
    {interrupt_index_out_of_table, "interrupt_index_out_of_table", "21h"},
    {irte_not_present, "irte_not_present", "22h"},
    {interrupt_table_access, "interrupt_table_access", "23h"},
    {irte_reserved, "irte_reserved", "24h"},
    {compatibility_interrupt_blocked, "compatibility_interrupt_blocked", "25h"},
    {interrupt_source_validation, "interrupt_source_validation", "26h"},
    {root_register_invalid, "root_register_invalid", "RTA.1"},
    {pasid_in_legacy_mode, "pasid_in_legacy_mode", "RTA.2"},
    {abort_dma_mode, "abort_dma_mode", "RTA.4"},
    {scalable_root_table_access, "scalable_root_table_access", "SRT.1"},
    {scalable_root_entry_not_present, "scalable_root_entry_not_present", "SRT.2"},
    {scalable_root_entry_reserved, "scalable_root_entry_reserved", "SRT.3"},
    {scalable_context_table_access, "scalable_context_table_access", "SCT.1"},
    {scalable_context_entry_not_present, "scalable_context_entry_not_present", "SCT.2"},
    {scalable_context_entry_reserved, "scalable_context_entry_reserved", "SCT.3"},
    {invalid_scalable_context_entry, "invalid_scalable_context_entry", "SCT.4"},
    {device_tlb_not_enabled, "device_tlb_not_enabled", "SCT.5"},
    {pasid_not_enabled, "pasid_not_enabled", "SCT.6"},
    {pasid_beyond_directory, "pasid_beyond_directory", "SCT.7"},
    {request_has_rid_pasid, "request_has_rid_pasid", "SCT.9"},
    {pasid_directory_access, "pasid_directory_access", "SPD.1"},
    {pasid_directory_entry_not_present, "pasid_directory_entry_not_present", "SPD.2"},
    {pasid_directory_entry_reserved, "pasid_directory_entry_reserved", "SPD.3"},
    {pasid_table_access, "pasid_table_access", "SPT.1"},
    {pasid_entry_not_present, "pasid_entry_not_present", "SPT.2"},
    {pasid_entry_reserved, "pasid_entry_reserved", "SPT.3"},
    {invalid_pasid_entry, "invalid_pasid_entry", "SPT.4"},
    {execute_not_enabled, "execute_not_enabled", "SPT.5"},
    {supervisor_not_enabled, "supervisor_not_enabled", "SPT.6"},
    {first_level_entry_access, "first_level_entry_access", "SFS.1"},
    {first_level_entry_not_present, "first_level_entry_not_present", "SFS.2"},
    {first_level_entry_reserved, "first_level_entry_reserved", "SFS.3"},
    {first_level_table_access, "first_level_table_access", "SFS.4"},
    {first_level_address_beyond_nesting, "first_level_address_beyond_nesting", "SFS.5"},
    {first_level_table_denied, "first_level_table_denied", "SFS.6"},
    {first_level_entry_denied, "first_level_entry_denied", "SFS.7"},
    {first_level_update_denied, "first_level_update_denied", "SFS.8"},
    {second_level_entry_access, "second_level_entry_access", "SSS.1"},
    {second_level_entry_not_present, "second_level_entry_not_present", "SSS.2"},
    {second_level_entry_reserved, "second_level_entry_reserved", "SSS.3"},
    {second_level_table_access, "second_level_table_access", "SSS.4"},
    {second_level_update_not_coherent, "second_level_update_not_coherent", "SSS.5"},
    {second_level_update_failed, "second_level_update_failed", "SSS.6"},
    {address_not_canonical, "address_not_canonical", "SGN.1"},
    {user_access_of_supervisor_page, "user_access_of_supervisor_page", "SGN.2"},
    {execute_not_permitted, "execute_not_permitted", "SGN.3"},
    {host_address_beyond_width, "host_address_beyond_width", "SGN.4"},
    {second_level_address_beyond_width, "second_level_address_beyond_width", "SGN.5"},
    {scalable_write_not_permitted, "scalable_write_not_permitted", "SGN.6"},
    {scalable_read_not_permitted, "scalable_read_not_permitted", "SGN.7"},
    {scalable_interrupt_range_output, "scalable_interrupt_range_output", "SGN.8"},
    {pasid_beyond_unit, "pasid_beyond_unit", "SGN.10"},
    {first_level_update_not_coherent, "first_level_update_not_coherent", "SFS.9"},
    {first_level_update_failed, "first_level_update_failed", "SFS.10"},
});

constexpr const reason_row* find(fault_reason reason) {
  const auto* const at = std::lower_bound(
      reasons.begin(), reasons.end(), reason,
      [](const reason_row& row, fault_reason wanted) { return row.reason < wanted; });
  return at != reasons.end() && at->reason == reason ? at : nullptr;
}

static_assert(std::is_sorted(reasons.begin(), reasons.end(),
                             [](const reason_row& a, const reason_row& b) {
                               return a.reason < b.reason;
                             }));

}  // namespace

std::string_view name(fault_reason reason) {
  const reason_row* row = find(reason);
  return row == nullptr ? "unknown" : row->name;
}

std::string_view mnemonic(fault_reason reason) {
  const reason_row* row = find(reason);
  return row == nullptr ? "" : row->mnemonic;
}

}  // namespace iommulab::vtd
