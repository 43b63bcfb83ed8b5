// SPDX-License-Identifier: GPL-2.0-only
//
// What can be wrong with a DMAR table. Each refusal and each oddity has an enumerator and a name
// that stays the same, so that tests, scripts and lists of known differences can refer to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "core/diagnosis.h"

namespace iommulab {

enum class dmar_diagnosis {
  // The table as a whole.
  bad_signature,
  table_header_truncated,
  table_length_too_short,
  table_truncated,
  bytes_behind_table,
  bad_checksum,
  host_address_width_invalid,
  no_drhd,
  trailing_bytes,
  reserved_not_zero,
  // Remapping structures.
  unknown_structure_type,
  structure_length_zero,
  structure_too_short,
  structure_overruns_table,
  structures_out_of_order,
  drhd_base_zero,
  drhd_base_unaligned,
  duplicate_drhd,
  drhd_base_in_two_segments,
  drhd_beyond_host_address_width,
  drhd_without_scope,
  include_all_not_last,
  include_all_twice,
  include_all_names_pci_device,
  rmrr_end_below_base,
  rmrr_unaligned,
  rmrr_base_zero,
  rmrr_beyond_host_address_width,
  rmrr_without_scope,
  rmrr_duplicate,
  rmrr_overlap,
  rmrr_in_interrupt_range,
  rmrr_over_unit_registers,
  segment_without_drhd,
  rhsa_refers_to_no_unit,
  andd_name_unterminated,
  andd_without_scope,
  // Device scopes.
  unknown_scope_type,
  scope_length_zero,
  scope_too_short,
  scope_overruns_structure,
  scope_without_path,
  scope_path_odd,
  scope_path_out_of_range,
  scope_refers_to_no_andd,
  scope_trailing_byte,
  // The table against the machine that it describes (dmar_surroundings.h).
  rmrr_in_usable_memory,
  rmrr_in_memory_hole,
  rmrr_not_reserved,
  rmrr_in_acpi_nvs,
  drhd_in_usable_memory,
  drhd_without_hardware,
  hardware_without_drhd,
  io_apic_without_scope,
};

/// What is known about a diagnosis before it is met in a table.
struct dmar_diagnosis_info {
  dmar_diagnosis diagnosis;
  diagnosis_severity severity;
  std::string_view name;  ///< Stable, snake_case: the enumerator's own.
};

/// All diagnoses, in the order of the enumeration.
absl::Span<const dmar_diagnosis_info> all_dmar_diagnoses();
const dmar_diagnosis_info& describe(dmar_diagnosis diagnosis);

/// Whether it means that the table's bytes do not hold together, so that a part of them cannot be
/// decoded: the table is cut short, or a length leads nowhere or over an end.
bool is_damage(dmar_diagnosis diagnosis);

/// Whether only who looks at the table sees it: no driver compares structures of these kinds with
/// one another or with the machine.
bool is_silent(dmar_diagnosis diagnosis);

std::string_view name(dmar_diagnosis diagnosis);

/// One thing found in one table; `where` is the offset of the field complained of.
struct dmar_finding : diagnosis_record<dmar_diagnosis> {
  std::string field;  ///< The name of what lies at `where`: "rmrr.limit_address".
};

}  // namespace iommulab
