// SPDX-License-Identifier: GPL-2.0-only
#include "lab/pagetable/trace.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "intel/page_table/levels.h"

namespace iommulab {

std::string page_table_answer_text(page_table_op what, const page_table_answer& answer) {
  switch (what) {
    case page_table_op::map:
    case page_table_op::map_sg:
      return absl::StrFormat("%d %d", answer.result, answer.detail);
    case page_table_op::walk:
      return answer.none ? "none" : absl::StrFormat("%d 0x%x", answer.result, answer.detail);
    default:
      return absl::StrCat(answer.result);
  }
}

std::string page_table_row_text(const page_table_row& row, int levels) {
  std::string path;
  for (int level = levels; level >= row.level; --level) {
    absl::StrAppend(&path, path.empty() ? "" : ".", pfn_level_offset(row.first_pfn, level));
  }
  return absl::StrFormat("%d %s 0x%x", row.level, path, row.value);
}

}  // namespace iommulab
