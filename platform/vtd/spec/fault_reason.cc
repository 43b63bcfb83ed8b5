// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/spec/fault_reason.h"

#include "core/enum_names.h"

namespace iommulab::vtd {
namespace {

using enum fault_reason;

constexpr auto names = enum_names<fault_reason>({
    {none, "none"},
    {root_entry_not_present, "root_entry_not_present"},
    {context_entry_not_present, "context_entry_not_present"},
    {invalid_context_entry, "invalid_context_entry"},
    {address_beyond_width, "address_beyond_width"},
    {write_not_permitted, "write_not_permitted"},
    {read_not_permitted, "read_not_permitted"},
    {paging_entry_access, "paging_entry_access"},
    {root_table_access, "root_table_access"},
    {context_table_access, "context_table_access"},
    {root_entry_reserved, "root_entry_reserved"},
    {context_entry_reserved, "context_entry_reserved"},
    {paging_entry_reserved, "paging_entry_reserved"},
    {translation_type_blocks, "translation_type_blocks"},
    {interrupt_range_output, "interrupt_range_output"},
    {interrupt_request_reserved, "interrupt_request_reserved"},
    {interrupt_index_out_of_table, "interrupt_index_out_of_table"},
    {irte_not_present, "irte_not_present"},
    {interrupt_table_access, "interrupt_table_access"},
    {irte_reserved, "irte_reserved"},
    {compatibility_interrupt_blocked, "compatibility_interrupt_blocked"},
    {interrupt_source_validation, "interrupt_source_validation"},
});

constexpr auto mnemonics = enum_names<fault_reason>({
    {none, ""},
    {root_entry_not_present, "LRT.2"},
    {context_entry_not_present, "LCT.2"},
    {invalid_context_entry, "LCT.4"},
    {address_beyond_width, "LGN.1"},
    {write_not_permitted, "LGN.2"},
    {read_not_permitted, "LGN.3"},
    {paging_entry_access, "LSS.1"},
    {root_table_access, "LRT.1"},
    {context_table_access, "LCT.1"},
    {root_entry_reserved, "LRT.3"},
    {context_entry_reserved, "LCT.3"},
    {paging_entry_reserved, "LSS.2"},
    {translation_type_blocks, "LCT.5"},
    {interrupt_range_output, "LGN.4"},
    {interrupt_request_reserved, "20h"},
    {interrupt_index_out_of_table, "21h"},
    {irte_not_present, "22h"},
    {interrupt_table_access, "23h"},
    {irte_reserved, "24h"},
    {compatibility_interrupt_blocked, "25h"},
    {interrupt_source_validation, "26h"},
});

}  // namespace

std::string_view name(fault_reason reason) {
  return names(reason);
}

std::string_view mnemonic(fault_reason reason) {
  return mnemonics.find(reason).value_or("");
}

}  // namespace iommulab::vtd
