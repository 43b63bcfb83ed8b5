// SPDX-License-Identifier: GPL-2.0-only
//
// Where the driver refuses a table, and where it does so although its kernel would hang or read
// past the end: each case has a name, the table offset, the value, and a sentence.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/diagnosis.h"

namespace iommulab {

enum class table_refusal : uint8_t {
  structure_passes_table_end,
  structure_shorter_than_its_type,
  structure_length_zero,
  structure_header_cut,
  scope_length_zero,
  scope_path_passes_structure_end,
  host_address_width_too_small,
  no_drhd,
  drhd_base_zero,
  drhd_reads_all_ones,
  drhd_window_taken,
  drhd_without_address_width,
  andd_name_unterminated,
  scope_type_mismatch,
};

/// "structure_passes_table_end"
std::string_view name(table_refusal what);

/// `where` is the field's offset from the table's start. The table is refused: an error.
struct table_diagnosis : diagnosis_record<table_refusal> {
  /// "Linux 4.4 hangs …": what the kernel does with such a table; empty where it refuses it too.
  std::string kernel_does = {};
};

/// "offset 0x40: structure length is 0x0: …"
std::string to_string(const table_diagnosis& d);

}  // namespace iommulab
