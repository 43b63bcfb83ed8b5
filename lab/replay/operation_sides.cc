// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/operation_sides.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace iommulab::verify {
namespace {

void append_lines(numbered_lines& to, const numbered_lines& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

void operation_sides::add(const numbered_lines& captured, const numbered_lines& ours,
                          const numbered_lines& strict_captured,
                          const numbered_lines& strict_ours) {
  append_lines(captured_, captured);
  append_lines(ours_, ours);
  append_lines(strict_captured_, strict_captured);
  append_lines(strict_ours_, strict_ours);
}

void operation_sides::add_up_to_death(const numbered_lines& captured, const numbered_lines& ours) {
  const auto kept = static_cast<std::ptrdiff_t>(std::min(captured.size(), ours.size()));
  add(captured, ours, captured, numbered_lines(ours.begin(), ours.begin() + kept));
}

class_result operation_sides::result(std::string_view name, std::string_view file,
                                     const std::set<std::string>& reasons) const {
  class_result all = compare_lines(name, file, captured_, ours_);
  if (all.status != class_result::outcome::different || reasons.empty()) return all;
  class_result rest = compare_lines(name, file, strict_captured_, strict_ours_);
  if (rest.status != class_result::outcome::equal) return rest;
  all.status = class_result::outcome::known;
  all.report = absl::StrCat(absl::StrJoin(reasons, "\n"), "\n", all.report);
  return all;
}

}  // namespace iommulab::verify
