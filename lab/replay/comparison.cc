// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/comparison.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/hardware_trace.h"
#include "lab/replay/interrupt_remapping.h"
#include "lab/replay/listing_difference.h"
#include "lab/replay/log_listing.h"
#include "lab/replay/page_names.h"
#include "lab/replay/sysfs_listing.h"
#include "lab/replay/table_dump.h"

namespace iommulab::verify {
namespace {

using outcome = class_result::outcome;

std::string first_difference(std::string_view file, absl::Span<const numbered_line> captured,
                             absl::Span<const numbered_line> ours) {
  const auto same = [](const numbered_line& a, const numbered_line& b) { return a.text == b.text; };
  const auto at =
      std::mismatch(captured.begin(), captured.end(), ours.begin(), ours.end(), same).first;
  if (at == captured.end()) return absl::StrFormat("%s has no more lines", file);
  return absl::StrFormat("%s line %d differs", file, at->line);
}

class_result not_compared(std::string_view name, std::string_view file) {
  return {std::string(name), outcome::not_compared, 0, absl::StrFormat("no %s", file), {}};
}

class_result unreadable(std::string_view name, const absl::Status& status) {
  return {std::string(name), outcome::unreadable, 0, std::string(status.message()), {}};
}

/// The two sides' ways to call pages, and what both need of the capture's trace.
class run_comparison {
 public:
  run_comparison(const capture_folder& folder, const run_result& run)
      : folder_(folder), run_(run), our_trace_(trace_of_run(run.events, other_units(run))) {
    if (!folder.has(trace_file)) return;
    absl::StatusOr<hardware_trace> trace = read_start_up_trace(folder);
    trace_status_ = trace.status();
    if (trace.ok()) captured_trace_ = *std::move(trace);
    if (!run.interrupt_remapping) return;
    captured_trace_ = without_interrupt_remapping(captured_trace_, captured_trace_.last_line);
    our_trace_ = without_interrupt_remapping(our_trace_, our_trace_.last_line);
  }

  std::vector<class_result> compare(absl::Span<const known_difference> known) const {
    return {registers(), queue(), calls(), tables(), log(known), sysfs(false), sysfs(true)};
  }

 private:
  static std::vector<std::string> other_units(const run_result& run) {
    std::vector<std::string> names;
    for (const unit_result& unit : run.units) {
      if (!unit.in_capture) names.push_back(unit.name);
    }
    return names;
  }

  page_names names(const hardware_trace& trace) const {
    if (folder_.has_recorded_calls() && run_.pages_replayed) return page_names::exact();
    // Without the capture's trace nobody knows which of its pages are which.
    if (!folder_.has(trace_file)) return page_names::by_appearance({});
    return page_names::by_appearance(roles_of(trace));
  }

  std::vector<call_event> start_up_calls(absl::Span<const call_event> events) const {
    std::vector<call_event> calls = keep_start_up(events);
    return run_.interrupt_remapping ? without_interrupt_remapping(calls) : calls;
  }

  class_result registers() const {
    if (!folder_.has(trace_file)) return not_compared("registers", trace_file);
    if (!trace_status_.ok()) return unreadable("registers", trace_status_);
    return compare_lines("registers", trace_file,
                         register_lines(captured_trace_, names(captured_trace_)),
                         register_lines(our_trace_, names(our_trace_)));
  }

  class_result queue() const {
    if (!folder_.has(trace_file)) return not_compared("queue", trace_file);
    if (!trace_status_.ok()) return unreadable("queue", trace_status_);
    return compare_lines("queue", trace_file, queue_lines(captured_trace_, names(captured_trace_)),
                         queue_lines(our_trace_, names(our_trace_)));
  }

  class_result calls() const {
    if (!folder_.has(boot_calls_file)) return not_compared("calls", boot_calls_file);
    absl::StatusOr<std::vector<call_event>> captured = read_call_graph(folder_, boot_calls_file);
    if (!captured.ok()) return unreadable("calls", captured.status());
    absl::StatusOr<function_names> traced = read_traced_functions(folder_);
    if (!traced.ok()) return unreadable("calls", traced.status());
    const std::vector<call_event> ours = keep_traced(calls_of_run(run_.events), *traced);
    return compare_lines("calls", boot_calls_file,
                         call_lines(start_up_calls(*captured), names(captured_trace_)),
                         call_lines(start_up_calls(ours), names(our_trace_)));
  }

  class_result tables() const {
    if (!folder_.has(boot_tables_file)) return not_compared("tables", boot_tables_file);
    absl::StatusOr<dumped_tables> captured = dumped_tables::read(folder_, boot_tables_file);
    if (!captured.ok()) return unreadable("tables", captured.status());
    captured->keep_start_up();
    return compare_lines("tables", boot_tables_file,
                         table_lines(*captured, captured->root(), names(captured_trace_)),
                         our_tables());
  }

  numbered_lines our_tables() const {
    std::optional<uint64_t> root;
    for (const unit_result& unit : run_.units) {
      if (unit.in_capture && unit.root_table) root = unit.root_table->value();
    }
    if (root && run_.memory == nullptr) return {{1, "the run has a root table and no memory"}};
    if (!root) return {{1, "no root table programmed"}};
    return table_lines(memory_tables(*run_.memory), root, names(our_trace_));
  }

  class_result log(absl::Span<const known_difference> known) const {
    const std::string file = log_file(folder_);
    if (file.empty()) return not_compared("log", "dmesg.txt");
    absl::StatusOr<numbered_lines> captured = read_start_up_log(folder_);
    if (!captured.ok()) return unreadable("log", captured.status());
    const numbered_lines ours = log_of_run(run_.log);
    class_result result = compare_lines("log", file, *captured, ours);
    const known_difference* entry = find_known_difference(known, run_.refusals, *captured, ours);
    if (result.status != outcome::different || entry == nullptr) return result;
    result.status = outcome::known;
    result.report = absl::StrFormat("%s\n%s", entry->reason, result.report);
    return result;
  }

  class_result sysfs(bool groups) const {
    const std::string_view name = groups ? "groups" : "sysfs";
    if (!folder_.has(sysfs_file)) return not_compared(name, sysfs_file);
    absl::StatusOr<sysfs_listing> captured = read_sysfs_listing(folder_);
    if (!captured.ok()) return unreadable(name, captured.status());
    sysfs_listing ours;
    if (run_.sysfs != nullptr) ours = list_sysfs(*run_.sysfs);
    return compare_lines(name, sysfs_file, groups ? captured->groups : captured->sysfs,
                         groups ? ours.groups : ours.sysfs);
  }

  const capture_folder& folder_;
  const run_result& run_;
  hardware_trace our_trace_;
  hardware_trace captured_trace_;
  absl::Status trace_status_;
};

}  // namespace

class_result compare_lines(std::string_view name, std::string_view file,
                           absl::Span<const numbered_line> captured,
                           absl::Span<const numbered_line> ours) {
  class_result result;
  result.name = std::string(name);
  result.files = {std::string(file)};
  result.lines = captured.size();
  result.hunks = listing_difference(captured, ours);
  result.status = result.hunks.empty() ? outcome::equal : outcome::different;
  if (!result.hunks.empty()) result.report = first_difference(file, captured, ours);
  return result;
}

std::vector<class_result> compare_run(const capture_folder& folder, const run_result& run,
                                      absl::Span<const known_difference> known) {
  std::vector<class_result> results = run_comparison(folder, run).compare(known);
  if (run.stopped.empty()) return results;
  results.insert(results.begin(), {"start-up", outcome::different, 0, run.stopped, {}});
  return results;
}

}  // namespace iommulab::verify
