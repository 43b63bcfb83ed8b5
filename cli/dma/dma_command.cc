// SPDX-License-Identifier: GPL-2.0-only
#include "cli/dma/dma_command.h"

#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/dma/dma_report.h"
#include "cli/dma/side_by_side.h"
#include "cli/kernels/command_line_words.h"
#include "cli/output/complain.h"
#include "cli/runs/run_options.h"
#include "cli/runs/script_choice.h"
#include "cli/runs/structure_dump.h"
#include "lab/events/traced_functions.h"
#include "lab/runs/script_run.h"
#include "lab/structures/structure_text.h"

namespace iommulab {
namespace {

using dmalab::script_judge;
using dmalab::script_run;

constexpr const char* this_script = "in this script";

/// The request of the first or second run; a value given once is for both.
absl::StatusOr<dmalab::script_request> request_for(const dma_arguments& a, size_t which,
                                                   trace_class classes) {
  const auto value = [which](const std::vector<std::string>& values) {
    return values.empty() ? std::string() : value_for_run(values, which);
  };
  script_choice choice{a.script, value(a.kernels), value(a.machines), value(a.dmar_files),
                       std::nullopt};
  if (!a.command_lines.empty()) choice.command_line = value(a.command_lines);
  auto request = choose_script(choice);
  if (!request.ok()) return request.status();
  request->classes = classes;
  request->until = function_name_of(a.until);
  request->sanitize = a.sanitize;
  return request;
}

dmalab::operation_judge judged_by(script_judge& judge) {
  return [&judge](kernel& system, const dmalab::script& from, const dmalab::done_operation& done,
                  absl::Span<const trace_event> events) {
    return judge.take(system, from, done, events);
  };
}

int show_script(const dma_arguments& a, trace_class classes, std::ostream& out, std::ostream& err) {
  auto request = request_for(a, 0, classes);
  if (!request.ok()) return complain(err, request.status());
  const kernel_profile& profile = *request->kernel;
  script_judge judge(profile);
  const auto run = run_script(*std::move(request), judged_by(judge));
  if (!run.ok()) return complain(err, run.status());
  if (until_missed((*run)->sink, this_script, err)) return static_cast<int>(exit_code::finding);
  dmalab::dma_report report{**run, judge, !a.trace.empty(), a.quiet};
  if (!a.dump.empty()) report.structures = chosen_structures(*(*run)->system, a.dump);
  if (const absl::Status ended = (*run)->finish(); !ended.ok()) return complain(err, ended);

  if (!a.command_lines.empty()) note_words(err, profile, a.command_lines.front());
  std::string text = a.json ? dma_to_json(report) : dma_to_text(report);
  if (report.structures && !a.json) text += '\n' + structures_to_text(*report.structures);
  out << text;
  return static_cast<int>(report.finding() ? exit_code::finding : exit_code::good);
}

int show_side_by_side(const dma_arguments& a, std::ostream& out, std::ostream& err) {
  const bool asks_more = !a.trace.empty() || !a.until.empty() || !a.dump.empty() || a.sanitize;
  if (asks_more || a.quiet) {
    return complain(err, refuse("several kernels beside each other show results: --trace, --until, "
                                "--dump, --sanitize and --quiet are for one run"));
  }
  if (std::max({a.machines.size(), a.dmar_files.size(), a.command_lines.size()}) > 1) {
    return complain(err, refuse("--machine, --dmar and --cmdline are given twice only for --diff"));
  }
  std::vector<std::unique_ptr<script_run>> runs;
  for (size_t i = 0; i < a.kernels.size(); ++i) {
    auto request = request_for(a, i, trace_class::none);
    if (!request.ok()) return complain(err, request.status());
    auto run = run_script(*std::move(request));
    if (!run.ok()) return complain(err, run.status());
    runs.push_back(*std::move(run));
  }
  out << (a.json ? dmalab::side_by_side_json(runs) : dmalab::side_by_side_text(runs));
  return static_cast<int>(dmalab::all_alike(runs) ? exit_code::good : exit_code::finding);
}

int show_two_scripts(const dma_arguments& a, trace_class classes, std::ostream& out,
                     std::ostream& err) {
  std::unique_ptr<script_run> runs[2];
  for (size_t i = 0; i < 2; ++i) {
    auto request = request_for(a, i, classes | trace_class::regs);
    if (!request.ok()) return complain(err, request.status());
    auto run = run_script(*std::move(request));
    if (!run.ok()) return complain(err, run.status());
    if (until_missed((*run)->sink, this_script, err)) return static_cast<int>(exit_code::finding);
    runs[i] = *std::move(run);
  }
  const run_difference difference =
      dmalab::compare_script_runs(*runs[0], *runs[1], !a.trace.empty());
  out << (a.json ? difference_to_json("dma_diff", difference) : difference_to_text(difference));
  return static_cast<int>(difference.equal() ? exit_code::good : exit_code::finding);
}

}  // namespace

int run_dma_command(const dma_arguments& given, std::ostream& out, std::ostream& err) {
  dma_arguments a = given;
  if (!a.diff && a.kernels.size() > 1) return show_side_by_side(a, out, err);
  if (absl::Status status = check_run_options(run_options_of(a)); !status.ok()) {
    return complain(err, status);
  }
  const auto classes = trace_classes_of(a.trace);
  if (!classes.ok()) return complain(err, classes.status());
  return a.diff ? show_two_scripts(a, *classes, out, err) : show_script(a, *classes, out, err);
}

void add_dma_command(CLI::App& app, int& exit_status) {
  auto arguments = std::make_shared<dma_arguments>();
  CLI::App* const command =
      app.add_subcommand("dma", "Run a script of DMA operations and check its results");
  command
      ->add_option("SCRIPT", arguments->script,
                   "The script (cli/dma/README.md), or a recorded ops.txt")
      ->required();
  const run_options options = run_options_of(*arguments);
  const run_option_words words = {
      "the capture that the script lies in, else q35", "the script's own, else the machine's",
      "runs of the script",
      "Check what the driver does to tables and caches, and how the script uses the DMA API; "
      "measure the deferred window"};
  add_system_options(*command, options, words);
  add_trace_options(*command, options);
  command->add_flag("--quiet,-q", arguments->quiet, "Show only a difference and the last line");
  add_report_options(*command, options, words);
  command->footer(
      "Exit status: 0 every result is what the script says; 1 one differs, the kernel stopped, "
      "Linux would have come to harm, the function of --until did not run, --sanitize found an "
      "error, or --diff or one of several kernels something else; 2 bad use, or a script that "
      "cannot be run.");
  command->callback([arguments, &exit_status] {
    exit_status = run_dma_command(*arguments, std::cout, std::cerr);
  });
}

}  // namespace iommulab
