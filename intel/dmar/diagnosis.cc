// SPDX-License-Identifier: GPL-2.0-only
#include "intel/dmar/diagnosis.h"

#include "absl/strings/str_format.h"

namespace iommulab {

std::string_view to_string(table_refusal what) {
  switch (what) {
    case table_refusal::structure_passes_table_end:
      return "structure_passes_table_end";
    case table_refusal::structure_shorter_than_its_type:
      return "structure_shorter_than_its_type";
    case table_refusal::structure_length_zero:
      return "structure_length_zero";
    case table_refusal::structure_header_cut:
      return "structure_header_cut";
    case table_refusal::scope_length_zero:
      return "scope_length_zero";
    case table_refusal::scope_path_passes_structure_end:
      return "scope_path_passes_structure_end";
    case table_refusal::host_address_width_too_small:
      return "host_address_width_too_small";
    case table_refusal::no_drhd:
      return "no_drhd";
    case table_refusal::drhd_base_zero:
      return "drhd_base_zero";
    case table_refusal::drhd_reads_all_ones:
      return "drhd_reads_all_ones";
    case table_refusal::drhd_window_taken:
      return "drhd_window_taken";
    case table_refusal::drhd_without_address_width:
      return "drhd_without_address_width";
    case table_refusal::andd_name_unterminated:
      return "andd_name_unterminated";
    case table_refusal::scope_type_mismatch:
      return "scope_type_mismatch";
  }
  return "unknown";
}

std::string to_string(const table_diagnosis& d) {
  std::string line =
      absl::StrFormat("%s: offset 0x%x: %s", to_string(d.what), d.offset, d.sentence);
  if (!d.kernel_does.empty()) absl::StrAppendFormat(&line, " (%s)", d.kernel_does);
  return line;
}

}  // namespace iommulab
