// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/capture_verification.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/counted.h"
#include "core/status.h"
#include "lab/replay/capture_accounts.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/dmalab_run.h"
#include "lab/replay/omissions.h"
#include "lab/replay/workload_run.h"

namespace iommulab::verify {
namespace {

using outcome = class_result::outcome;

absl::Status add(absl::StatusOr<std::vector<class_result>> more,
                 std::vector<class_result>& results) {
  if (!more.ok()) return more.status();
  results.insert(results.end(), more->begin(), more->end());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<class_result>> verify_start_up(const capture_folder& folder) {
  const auto run = run_capture(folder);
  if (!run.ok()) return run.status();
  return compare_run(folder, (*run)->result);
}

absl::StatusOr<std::vector<class_result>> compare_classes(const capture_folder& folder) {
  std::vector<class_result> results;
  absl::Status status = add(verify_start_up(folder), results);
  if (status.ok() && has_workload(folder)) status = add(verify_workload(folder), results);
  if (status.ok() && has_dma_script(folder)) status = add(verify_dma_script(folder), results);
  if (status.ok()) status = add(omissions_in(folder), results);
  if (!status.ok()) return status;
  // One sentence for a damaged file, and nothing of a comparison that was not made.
  for (const class_result& result : results) {
    if (result.status == outcome::unreadable) return errno_status(EINVAL, result.report);
  }
  return results;
}

bool any(const std::vector<class_result>& results, outcome status) {
  return std::any_of(results.begin(), results.end(),
                     [&](const class_result& r) { return r.status == status; });
}

}  // namespace

bool verification::passes() const {
  return std::all_of(results.begin(), results.end(),
                     [](const class_result& result) { return result.passes(); });
}

bool verification::has_known_difference() const {
  return any(results, outcome::known);
}

absl::StatusOr<verification> verify_capture(const std::string& path, const kernel_profile* kernel) {
  const auto folder = capture_folder::open(path, kernel);
  if (!folder.ok()) return folder.status();
  if (absl::Status status = check_whole(*folder); !status.ok()) return status;
  auto results = compare_classes(*folder);
  if (!results.ok()) return results.status();
  verification done{folder->path(), folder->kernel().release(), *std::move(results)};
  const std::vector<class_result> missing = unaccounted_files(*folder, done.results);
  done.results.insert(done.results.end(), missing.begin(), missing.end());
  return done;
}

std::string to_string(const verification& done) {
  std::string text = absl::StrFormat("%s: Linux %s\n", done.path, done.release);
  for (const class_result& result : done.results) absl::StrAppend(&text, to_string(result));
  return text;
}

void verification_summary::add(const verification& done) {
  if (!done.passes()) {
    const bool differs = any(done.results, outcome::different);
    ++(differs ? different_ : not_compared_);
  } else {
    ++(done.has_known_difference() ? known_ : equal_);
  }
  std::set<std::string> met;  // a folder counts once
  for (const class_result& result : done.results) {
    if (result.status != outcome::omitted || !met.insert(result.name).second) continue;
    auto& [count, reason] = omitted_[result.name];
    ++count;
    reason = result.report;
  }
}

std::string verification_summary::text() const {
  std::vector<std::string> parts = {absl::StrFormat("%d equal", equal_)};
  const auto say = [&](size_t count, std::string_view what) {
    if (count != 0) parts.push_back(absl::StrFormat("%d %s", count, what));
  };
  say(known_, "equal but for known differences");
  say(different_, "DIFFERENT");
  say(not_compared_, "NOT COMPARED in part");
  say(failed_, "not usable");
  const size_t all = equal_ + known_ + different_ + not_compared_ + failed_;
  std::string text = absl::StrCat(counted(all, "capture"), ": ", absl::StrJoin(parts, ", "));
  std::string_view before = "; not compared: ";
  for (const auto& [what, met] : omitted_) {
    absl::StrAppend(&text, std::string(before), what, " (", met.first, "): ", met.second);
    before = "; ";
  }
  return text + "\n";
}

}  // namespace iommulab::verify
