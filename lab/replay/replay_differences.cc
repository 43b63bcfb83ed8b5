// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/replay_differences.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status.h"

namespace iommulab::verify {
namespace {

/// Of each phase; a call that fails mostly brings down those after it.
constexpr size_t most_shown = 5;

}  // namespace

void replay_differences::enter(std::string phase, std::string file) {
  phase_ = std::move(phase);
  file_ = std::move(file);
}

void replay_differences::add(size_t line, std::string_view recorded, std::string_view here) {
  add_at(file_, line, recorded, here);
}

void replay_differences::add_at(const std::string& file, size_t line, std::string_view recorded,
                                std::string_view here) {
  std::string place = file;
  if (line != 0) absl::StrAppendFormat(&place, " line %d", line);
  all_.push_back({phase_, absl::StrFormat("%s: recorded is %s; here %s", place, recorded, here)});
}

std::vector<class_result> replay_differences::results() const {
  std::vector<class_result> results;
  size_t in_phase = 0;
  for (const entry& e : all_) {
    const std::string name = e.phase + " workload";
    if (results.empty() || results.back().name != name) {
      results.push_back({name, class_result::outcome::different, 0, "", {}});
      in_phase = 0;
    }
    std::string& report = results.back().report;
    const char* const indent = in_phase == 0 ? "" : "  ";
    if (in_phase++ < most_shown) absl::StrAppend(&report, indent, e.sentence, "\n");
    if (in_phase == most_shown + 1) absl::StrAppend(&report, "  and more that follows from it\n");
  }
  return results;
}

absl::Status replay_differences::status() const {
  return all_.empty() ? absl::OkStatus() : errno_status(EINVAL, all_.front().sentence);
}

}  // namespace iommulab::verify
