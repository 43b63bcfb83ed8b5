// SPDX-License-Identifier: GPL-2.0-only
#include "platform/firmware/dmar_diagnosis.h"

#include "core/enum_names.h"

namespace iommulab {
namespace {

using enum dmar_diagnosis;
using enum diagnosis_severity;

constexpr auto infos = std::to_array<dmar_diagnosis_info>({
    {bad_signature, error, "bad_signature"},
    {table_header_truncated, error, "table_header_truncated"},
    {table_length_too_short, error, "table_length_too_short"},
    {table_truncated, error, "table_truncated"},
    {bytes_behind_table, warning, "bytes_behind_table"},
    {bad_checksum, warning, "bad_checksum"},
    {host_address_width_invalid, error, "host_address_width_invalid"},
    {no_drhd, error, "no_drhd"},
    {trailing_bytes, error, "trailing_bytes"},
    {reserved_not_zero, note, "reserved_not_zero"},
    {unknown_structure_type, warning, "unknown_structure_type"},
    {structure_length_zero, error, "structure_length_zero"},
    {structure_too_short, error, "structure_too_short"},
    {structure_overruns_table, error, "structure_overruns_table"},
    {structures_out_of_order, warning, "structures_out_of_order"},
    {drhd_base_zero, error, "drhd_base_zero"},
    {drhd_base_unaligned, error, "drhd_base_unaligned"},
    {duplicate_drhd, warning, "duplicate_drhd"},
    {drhd_base_in_two_segments, error, "drhd_base_in_two_segments"},
    {drhd_beyond_host_address_width, warning, "drhd_beyond_host_address_width"},
    {drhd_without_scope, warning, "drhd_without_scope"},
    {include_all_not_last, warning, "include_all_not_last"},
    {include_all_twice, warning, "include_all_twice"},
    {include_all_names_pci_device, note, "include_all_names_pci_device"},
    {rmrr_end_below_base, error, "rmrr_end_below_base"},
    {rmrr_unaligned, warning, "rmrr_unaligned"},
    {rmrr_base_zero, warning, "rmrr_base_zero"},
    {rmrr_beyond_host_address_width, warning, "rmrr_beyond_host_address_width"},
    {rmrr_without_scope, warning, "rmrr_without_scope"},
    {rmrr_duplicate, note, "rmrr_duplicate"},
    {rmrr_overlap, warning, "rmrr_overlap"},
    {rmrr_in_interrupt_range, warning, "rmrr_in_interrupt_range"},
    {rmrr_over_unit_registers, warning, "rmrr_over_unit_registers"},
    {segment_without_drhd, warning, "segment_without_drhd"},
    {rhsa_refers_to_no_unit, warning, "rhsa_refers_to_no_unit"},
    {andd_name_unterminated, error, "andd_name_unterminated"},
    {andd_without_scope, note, "andd_without_scope"},
    {unknown_scope_type, warning, "unknown_scope_type"},
    {scope_length_zero, error, "scope_length_zero"},
    {scope_too_short, error, "scope_too_short"},
    {scope_overruns_structure, error, "scope_overruns_structure"},
    {scope_without_path, warning, "scope_without_path"},
    {scope_path_odd, warning, "scope_path_odd"},
    {scope_path_out_of_range, warning, "scope_path_out_of_range"},
    {scope_refers_to_no_andd, warning, "scope_refers_to_no_andd"},
    {scope_trailing_byte, error, "scope_trailing_byte"},
    {rmrr_in_usable_memory, warning, "rmrr_in_usable_memory"},
    {rmrr_in_memory_hole, warning, "rmrr_in_memory_hole"},
    {rmrr_not_reserved, warning, "rmrr_not_reserved"},
    {rmrr_in_acpi_nvs, note, "rmrr_in_acpi_nvs"},
    {drhd_in_usable_memory, warning, "drhd_in_usable_memory"},
    {drhd_without_hardware, warning, "drhd_without_hardware"},
    {hardware_without_drhd, note, "hardware_without_drhd"},
    {io_apic_without_scope, warning, "io_apic_without_scope"},
});
static_assert(has_row_of_each(infos, &dmar_diagnosis_info::diagnosis));

}  // namespace

absl::Span<const dmar_diagnosis_info> all_dmar_diagnoses() {
  return infos;
}

const dmar_diagnosis_info& describe(dmar_diagnosis diagnosis) {
  return infos[static_cast<std::size_t>(diagnosis)];
}

bool is_damage(dmar_diagnosis diagnosis) {
  switch (diagnosis) {
    case bad_signature:
    case table_header_truncated:
    case table_length_too_short:
    case table_truncated:
    case trailing_bytes:
    case structure_length_zero:
    case structure_too_short:
    case structure_overruns_table:
    case scope_length_zero:
    case scope_too_short:
    case scope_overruns_structure:
      return true;
    default:
      return false;
  }
}

bool is_silent(dmar_diagnosis diagnosis) {
  switch (diagnosis) {
    case drhd_beyond_host_address_width:
    case rmrr_beyond_host_address_width:
    case rmrr_duplicate:
    case rmrr_overlap:
    case rmrr_in_interrupt_range:
    case rmrr_over_unit_registers:
    case segment_without_drhd:
    case rmrr_in_usable_memory:
    case rmrr_in_memory_hole:
    case rmrr_not_reserved:
    case rmrr_in_acpi_nvs:
    case drhd_in_usable_memory:
    case drhd_without_hardware:
    case hardware_without_drhd:
    case io_apic_without_scope:
      return true;
    default:
      return false;
  }
}

std::string_view name(dmar_diagnosis diagnosis) {
  return describe(diagnosis).name;
}

}  // namespace iommulab
