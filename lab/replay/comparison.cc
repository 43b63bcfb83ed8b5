// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/comparison.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "core/counted.h"
#include "core/enum_names.h"
#include "core/status.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/hardware_trace.h"
#include "lab/replay/interrupt_remapping.h"
#include "lab/replay/log_listing.h"
#include "lab/replay/page_names.h"
#include "lab/replay/sysfs_listing.h"
#include "lab/replay/table_dump.h"

namespace iommulab::verify {
namespace {

using outcome = class_result::outcome;

constexpr size_t lines_shown_before = 4;
constexpr size_t lines_after = 4;

class_result not_compared(std::string_view name, std::string_view file) {
  return {std::string(name), outcome::not_compared, 0, absl::StrFormat("no %s", file), {}};
}

class_result unreadable(std::string_view name, const absl::Status& status) {
  return {std::string(name), outcome::unreadable, 0, std::string(status.message()), {}};
}

/// A line that is fit to be printed, whatever the file has in it.
std::string printable(std::string_view text) {
  constexpr size_t longest = 200;
  std::string shown(text.substr(0, longest));
  if (!std::all_of(shown.begin(), shown.end(),
                   [](char c) { return absl::ascii_isprint(static_cast<unsigned char>(c)); })) {
    shown = absl::CEscape(shown);
  }
  return text.size() > longest ? shown + "..." : shown;
}

void show(std::string& report, char mark, absl::Span<const numbered_line> lines, size_t first,
          size_t last) {
  for (size_t i = first; i < std::min(last, lines.size()); ++i) {
    report += absl::StrFormat("  %c %6d  %s\n", mark, lines[i].line, printable(lines[i].text));
  }
  if (last > lines.size()) report += absl::StrFormat("  %c %6s  (end)\n", mark, "");
}

std::string difference_report(std::string_view file, absl::Span<const numbered_line> captured,
                              absl::Span<const numbered_line> ours, size_t at) {
  std::string report;
  if (at < captured.size()) {
    report = absl::StrFormat("%s line %d differs", file, captured[at].line);
  } else {
    report = absl::StrFormat("%s has no more lines", file);
  }
  report += absl::StrFormat(" (line %d of the comparison)\n", at + 1);
  show(report, ' ', captured, at - std::min(at, lines_shown_before), at);
  report += "  capture:\n";
  show(report, '-', captured, at, std::min(at + lines_after, captured.size() + 1));
  report += "  this run:\n";
  show(report, '+', ours, at, std::min(at + lines_after, ours.size() + 1));
  return report;
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

std::string_view name(outcome status) {
  static constexpr auto names = enum_names<outcome>({
      {outcome::equal, "equal"},
      {outcome::different, "DIFFERENT"},
      {outcome::not_compared, "not compared"},
      {outcome::known, "known difference"},
      {outcome::omitted, "not compared"},
      {outcome::unaccounted, "NOT COMPARED"},
      {outcome::unreadable, "UNREADABLE"},
  });
  return names(status);
}

}  // namespace

bool class_result::passes() const {
  return status == outcome::equal || status == outcome::not_compared || status == outcome::known ||
         status == outcome::omitted;
}

class_result compare_lines(std::string_view name, std::string_view file,
                           absl::Span<const numbered_line> captured,
                           absl::Span<const numbered_line> ours) {
  class_result result;
  result.name = std::string(name);
  result.files = {std::string(file)};
  const size_t longer = std::max(captured.size(), ours.size());
  size_t at = 0;
  while (at < captured.size() && at < ours.size() && captured[at].text == ours[at].text) {
    ++at;
  }
  result.lines = captured.size();
  result.status = at == longer ? outcome::equal : outcome::different;
  if (at < longer) result.report = difference_report(file, captured, ours, at);
  return result;
}

std::vector<class_result> compare_run(const capture_folder& folder, const run_result& run,
                                      absl::Span<const known_difference> known) {
  std::vector<class_result> results = run_comparison(folder, run).compare(known);
  if (run.stopped.empty()) return results;
  results.insert(results.begin(), {"start-up", outcome::different, 0, run.stopped, {}});
  return results;
}

std::string to_string(const class_result& result) {
  std::string text = absl::StrFormat("%-10s %s", result.name, name(result.status));
  switch (result.status) {
    case outcome::equal:
      return absl::StrFormat("%s, %s\n", text, counted(result.lines, "line"));
    case outcome::not_compared:
      return absl::StrFormat("%s (%s)\n", text, result.report);
    case outcome::omitted:
      return absl::StrFormat("not compared: %s: %s\n", result.name, result.report);
    default:
      return absl::StrFormat("%s: %s%s", text, result.report,
                             result.report.ends_with('\n') ? "" : "\n");
  }
}

}  // namespace iommulab::verify
