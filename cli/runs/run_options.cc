// SPDX-License-Identifier: GPL-2.0-only
#include "cli/runs/run_options.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"
#include "cli/output/complain.h"
#include "cli/runs/structure_dump.h"
#include "core/nearest.h"
#include "core/text_source.h"
#include "lab/events/trace_choice.h"
#include "lab/events/traced_functions.h"
#include "lab/structures/system_structures.h"

namespace iommulab {
namespace {

/// " Twice with --diff", where there is one.
std::string twice(const run_option_words& words) {
  return words.runs.empty() ? "" : ". Twice with --diff";
}

std::string list_of_kinds() {
  return absl::StrJoin(system_structure_kinds(), ", ");
}

absl::Status check_kinds(const std::string& words) {
  if (words.empty()) return absl::OkStatus();
  const std::vector<std::string> kinds = system_structure_kinds();
  const std::vector<std::string> chosen = absl::StrSplit(words, ',');
  for (const std::string& word : chosen) {
    if (word == every_kind || std::find(kinds.begin(), kinds.end(), word) != kinds.end()) continue;
    return refuse(absl::StrFormat("--dump: %s is no kind of structure; there are %s, %s",
                                  iommulab::quoted(word), list_of_kinds(), every_kind));
  }
  return absl::OkStatus();
}

}  // namespace

void add_system_options(CLI::App& command, const system_options& options,
                        const run_option_words& words) {
  add_kernel_option(command, options.kernels)->expected(1)->take_all();
  command
      .add_option(
          "--machine", options.machines,
          absl::StrFormat("%s; default %s%s", machine_option_words, words.machine, twice(words)))
      ->type_name("NAME|DIR")
      ->expected(1)
      ->take_all();
  add_dmar_option(command, options.dmar_files)->expected(1)->take_all();
  command
      .add_option("--cmdline", options.command_lines,
                  absl::StrFormat("The kernel's command line; default %s%s", words.command_line,
                                  twice(words)))
      ->type_name("TEXT")
      ->expected(1)
      ->take_all();
}

void add_trace_flag(CLI::App& command, std::string& trace) {
  command.add_flag(
      "--trace{calls}", trace,
      "Show events in their order, --trace=CLASS,...: calls (alone the default), "
      "regs, tables, queue, iova, pages, faults, log, domains, devices, unit, answers, "
      "all");
}

void add_trace_options(CLI::App& command, const run_options& options) {
  add_trace_flag(command, options.trace);
  add_until_option(command, options.until);
}

void add_until_option(CLI::App& command, std::string& until) {
  command.add_option("--until", until, "Stop behind the first return of this kernel function")
      ->type_name("FUNCTION");
}

void add_report_options(CLI::App& command, const run_options& options,
                        const run_option_words& words) {
  command.add_flag(
      "--dump{all}", options.dump,
      "Show the structures of driver and IOMMU core by the kernel's field names, registers, tables "
      "and caches by the VT-d specification's, as the run leaves them: all (alone the default), or "
      "--dump=KIND,... of " +
          list_of_kinds());
  command.add_flag("--json", options.json, "Print one JSON document");
  command.add_flag("--sanitize", options.sanitize, words.sanitize);
  command.add_flag("--diff", options.diff,
                   absl::StrFormat("Run two %s and show what differs", words.runs));
}

absl::Status check_function(std::string_view option, const std::string& given) {
  const std::string function = function_name_of(given);
  if (function.empty()) return refuse(absl::StrFormat("%s: the function has no name", option));
  if (is_traced_function(function)) return absl::OkStatus();
  const auto known = traced_functions();
  return refuse(absl::StrFormat(
      "%s: no function %s is traced%s", option, iommulab::quoted(function),
      did_you_mean(function, std::vector<std::string>(known.begin(), known.end()))));
}

absl::Status check_tracing() {
#ifdef IOMMULAB_NO_TRACE
  return refuse("this iommulab was built without tracing");
#else
  return absl::OkStatus();
#endif
}

absl::Status check_run_options(const run_options& o) {
  const size_t most =
      std::max({o.kernels.size(), o.machines.size(), o.command_lines.size(), o.dmar_files.size()});
  if (o.diff && (most != 2)) {
    return refuse("--diff compares two runs: give --kernel, --machine, --dmar or --cmdline twice");
  }
  if (!o.diff && most > 1) {
    return refuse("--kernel, --machine, --dmar and --cmdline are given twice only for --diff");
  }
  if (o.diff && !o.dump.empty()) return refuse("--dump shows one run, --diff has two");
  if (absl::Status status = check_kinds(o.dump); !status.ok()) return status;
  if (o.diff && o.sanitize) return refuse("--sanitize checks one run, --diff has two");
  if (!o.trace.empty() || !o.until.empty() || o.diff) {
    if (absl::Status status = check_tracing(); !status.ok()) return status;
  }
  return o.until.empty() ? absl::OkStatus() : check_function("--until", o.until);
}

absl::StatusOr<trace_class> trace_classes_of(const std::string& trace) {
  if (trace.empty()) return trace_class::none;
  return parse_trace_classes(trace);
}

std::string value_for_run(const std::vector<std::string>& values, size_t which) {
  return values[std::min(which, values.size() - 1)];
}

bool until_missed(const run_sink& sink, std::string_view where, std::ostream& err) {
  if (sink.until().empty() || sink.returned()) return false;
  complain_of_until(sink.until(), sink.entered(), where, err);
  return true;
}

void complain_of_until(std::string_view function, bool entered, std::string_view where,
                       std::ostream& err) {
  complain(err, absl::StrFormat("--until: %s() %s %s", function,
                                entered ? "did not return" : "was not called", where));
}

}  // namespace iommulab
