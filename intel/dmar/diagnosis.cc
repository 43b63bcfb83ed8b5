// SPDX-License-Identifier: GPL-2.0-only
#include "intel/dmar/diagnosis.h"

#include "absl/strings/str_format.h"
#include "core/enum_names.h"

namespace iommulab {

std::string_view name(table_refusal what) {
  using enum table_refusal;
  static constexpr auto names = enum_names<table_refusal>({
      {structure_passes_table_end, "structure_passes_table_end"},
      {structure_shorter_than_its_type, "structure_shorter_than_its_type"},
      {structure_length_zero, "structure_length_zero"},
      {structure_header_cut, "structure_header_cut"},
      {scope_length_zero, "scope_length_zero"},
      {scope_path_passes_structure_end, "scope_path_passes_structure_end"},
      {host_address_width_too_small, "host_address_width_too_small"},
      {no_drhd, "no_drhd"},
      {drhd_base_zero, "drhd_base_zero"},
      {drhd_reads_all_ones, "drhd_reads_all_ones"},
      {drhd_window_taken, "drhd_window_taken"},
      {drhd_without_address_width, "drhd_without_address_width"},
      {andd_name_unterminated, "andd_name_unterminated"},
      {scope_type_mismatch, "scope_type_mismatch"},
  });
  return names(what);
}

std::string to_string(const table_diagnosis& d) {
  std::string line = absl::StrFormat("%s: offset 0x%x: %s", name(d.id), d.where, d.sentence);
  if (!d.kernel_does.empty()) absl::StrAppendFormat(&line, " (%s)", d.kernel_does);
  return line;
}

}  // namespace iommulab
