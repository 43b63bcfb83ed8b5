// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/table_behaviour.h"

namespace iommulab::v4_4 {

std::string_view kernel_behaviour(table_refusal what) {
  switch (what) {
    case table_refusal::structure_shorter_than_its_type:
      return "Linux 4.4 reads the missing fields from whatever follows";
    case table_refusal::structure_length_zero:
      return "Linux 4.4 ends the parse there, then hangs looking for ANDD structures";
    case table_refusal::structure_header_cut:
      return "Linux 4.4 reads the header past the table's end, then hangs looking for ANDD "
             "structures";
    case table_refusal::scope_length_zero:
      return "Linux 4.4 hangs counting the scopes";
    case table_refusal::scope_path_passes_structure_end:
      return "Linux 4.4 accepts the scope and compares its path with whatever follows the "
             "structure";
    default:
      return {};
  }
}

}  // namespace iommulab::v4_4
