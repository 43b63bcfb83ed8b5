// SPDX-License-Identifier: GPL-2.0-only
#include "lab/verification/capture_verification.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/enum_names.h"
#include "core/status.h"
#include "lab/replay/capture_accounts.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/dmalab_run.h"
#include "lab/replay/omissions.h"
#include "lab/replay/stops/client_run.h"
#include "lab/replay/stops/stop_run.h"
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

/// One sentence for a damaged file, and nothing of a comparison that was not made.
absl::StatusOr<std::vector<class_result>> checked(std::vector<class_result> results) {
  for (const class_result& result : results) {
    if (result.status == outcome::unreadable) return errno_status(EINVAL, result.report);
  }
  return results;
}

absl::StatusOr<std::vector<class_result>> compare_classes(const capture_folder& folder) {
  std::vector<class_result> results;
  absl::Status status;
  switch (folder.recording()) {
    case recording_kind::stops:
      status = add(verify_stops(folder), results);
      break;
    case recording_kind::script:
      status = add(verify_client(folder), results);
      break;
    case recording_kind::phases:
      status = add(verify_start_up(folder), results);
      if (status.ok() && has_workload(folder)) status = add(verify_workload(folder), results);
      if (status.ok() && has_dma_script(folder)) status = add(verify_dma_script(folder), results);
      break;
  }
  if (status.ok()) status = add(omissions_in(folder), results);
  return status.ok() ? checked(std::move(results)) : status;
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
  verification done{folder->path(), folder->kernel().name(), folder->kernel().release(),
                    *std::move(results)};
  const std::vector<class_result> missing = unaccounted_files(*folder, done.results);
  done.results.insert(done.results.end(), missing.begin(), missing.end());
  return done;
}

std::string_view name(capture_outcome what) {
  static constexpr auto names = enum_names<capture_outcome>({
      {capture_outcome::equal, "equal"},
      {capture_outcome::known_difference, "known difference"},
      {capture_outcome::different, "different"},
      {capture_outcome::not_compared, "not compared"},
      {capture_outcome::not_run, "not run"},
  });
  return names(what);
}

capture_outcome outcome_of(const verification& done) {
  if (any(done.results, outcome::different)) return capture_outcome::different;
  if (!done.passes()) return capture_outcome::not_compared;
  return done.has_known_difference() ? capture_outcome::known_difference : capture_outcome::equal;
}

std::string to_string(const verification& done, const text_choice& choice) {
  std::string text = absl::StrFormat("%s: Linux %s\n", done.path, done.release);
  for (const class_result& result : done.results) {
    if (choice.only_differences && result.passes()) continue;
    if (!choice.left_out && result.is_left_out()) continue;
    absl::StrAppend(&text, to_string(result, choice.most_lines));
  }
  return text;
}

}  // namespace iommulab::verify
