// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/firmware_findings.h"

namespace iommulab::v6_12 {

std::string linux_6_behaviour(std::string_view kernel, const dmar_table& table,
                              const dmar_finding& finding) {
  using enum dmar_diagnosis;
  static constexpr table_behaviour rows[] = {
      {rmrr_end_below_base,
       "%s warns \"Your BIOS is broken; bad RMRR\", keeps the region, and maps nothing of it."},
      {rmrr_unaligned,
       "%s warns \"Your BIOS is broken; bad RMRR\", and maps the region from the first whole page "
       "on."},
      {rmrr_duplicate, "%s accepts it: what is mapped already stays."},
      {rmrr_overlap, "%s accepts it: what is mapped already stays."},
      {rmrr_in_usable_memory,
       "%s says \"No firmware reserved region can cover this RMRR\" and maps it all the same; the "
       "memory is handed out to others as well."},
      {rmrr_in_memory_hole,
       "%s says \"No firmware reserved region can cover this RMRR\" and maps it all the same."},
      {rmrr_not_reserved,
       "%s says \"No firmware reserved region can cover this RMRR\" and maps it all the same."},
  };
  return kernel_behaviour({.name = kernel, .own = rows, .knows_satc = true}, table, finding);
}

}  // namespace iommulab::v6_12
