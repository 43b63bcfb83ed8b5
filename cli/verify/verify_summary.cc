// SPDX-License-Identifier: GPL-2.0-only
#include "cli/verify/verify_summary.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/counted.h"

namespace iommulab {
namespace {

using verify::capture_outcome;
using verify::class_result;

constexpr std::array all_outcomes = {capture_outcome::equal, capture_outcome::known_difference,
                                     capture_outcome::different, capture_outcome::not_compared,
                                     capture_outcome::not_run};

std::string reason_of(const class_result& result) {
  if (result.status == class_result::outcome::not_compared) return result.report;
  return absl::StrCat(result.name, ": ", result.report);
}

std::string captures_line(const verify_summary& summary) {
  std::vector<std::string> parts;
  for (const capture_outcome what : all_outcomes) {
    const std::string_view word = name(what);
    parts.push_back(absl::StrFormat("%d %s", summary.captures(what), word));
  }
  std::string line =
      absl::StrCat(counted(summary.all_captures(), "capture"), ": ", absl::StrJoin(parts, ", "));
  if (summary.passed_over() != 0) {
    absl::StrAppendFormat(&line, "; %d passed over", summary.passed_over());
  }
  return line + "\n";
}

std::string classes_line(const verify_summary::class_counts& classes) {
  const size_t all = classes.all();
  std::string line =
      absl::StrFormat("%d class%s: %d equal, %d known difference, %d different, %d not compared",
                      all, all == 1 ? "" : "es", classes.equal, classes.known_difference,
                      classes.different, classes.not_compared);
  if (classes.unaccounted != 0) {
    absl::StrAppendFormat(&line, ", %d NOT COMPARED without a reason", classes.unaccounted);
  }
  return line + "\n";
}

}  // namespace

void verify_summary::add(const verify::verification& done) {
  using outcome = class_result::outcome;
  ++captures_[index(outcome_of(done))];
  for (const class_result& result : done.results) {
    if (result.is_left_out()) {
      ++classes_.not_compared;
      ++reasons_[reason_of(result)];
    } else if (result.status == outcome::equal) {
      ++classes_.equal;
    } else if (result.status == outcome::known) {
      ++classes_.known_difference;
    } else {
      ++(result.status == outcome::different ? classes_.different : classes_.unaccounted);
    }
  }
}

size_t verify_summary::all_captures() const {
  return std::accumulate(captures_.begin(), captures_.end(), size_t{0});
}

std::vector<std::pair<std::string, size_t>> verify_summary::reasons() const {
  std::vector<std::pair<std::string, size_t>> all(reasons_.begin(), reasons_.end());
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return all;
}

std::string to_text(const verify_summary& summary) {
  std::string text = captures_line(summary) + classes_line(summary.classes());
  for (const auto& [reason, count] : summary.reasons()) {
    absl::StrAppendFormat(&text, "  not compared: %d × %s\n", count, reason);
  }
  return text;
}

}  // namespace iommulab
