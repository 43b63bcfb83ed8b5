// SPDX-License-Identifier: GPL-2.0-only
#include "cli/pagetable/replay_command.h"

#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/output/complain.h"
#include "cli/output/json.h"
#include "iova/trace/recorded_end.h"
#include "lab/pagetable/player.h"
#include "lab/pagetable/trace_reader.h"

namespace iommulab {
namespace {

/// What a file came to.
struct file_verdict {
  std::string name;
  const kernel_profile* kernel;
  page_table_replay replay;
  end_told_by end;
};

absl::StatusOr<file_verdict> play_file(const std::string& file, const kernel_profile* named) {
  const auto trace = read_page_table_trace(file);
  if (!trace.ok()) return trace.status();
  const auto end =
      check_recorded_end(trace->source.name, end_of(trace->source), trace->steps.size());
  if (!end.ok()) return end.status();
  const kernel_profile& kernel = named != nullptr ? *named : kernel_of(*trace);
  auto replay = play_page_table_trace(*trace, kernel);
  if (!replay.ok()) return replay.status();
  return file_verdict{trace->source.name, &kernel, *std::move(replay), *end};
}

std::string text_of(const file_verdict& verdict) {
  const auto& difference = verdict.replay.difference;
  const std::string what = difference
                               ? "differs at " + page_table_difference_text(*difference)
                               : absl::StrFormat("%d operations: equal%s\n",
                                                 verdict.replay.operations, remark(verdict.end));
  return absl::StrFormat("%s: Linux %s: %s", verdict.name, verdict.kernel->release(), what);
}

json json_of(const file_verdict& verdict) {
  json result = {{"file", verdict.name},
                 {"kernel", verdict.kernel->name()},
                 {"release", verdict.kernel->release()},
                 {"operations", verdict.replay.operations},
                 {"equal", !verdict.replay.difference.has_value()},
                 {"end_told_by", std::string(name(verdict.end))}};
  if (const auto& difference = verdict.replay.difference) {
    result["difference"] = {{"line", difference->line},
                            {"operation", difference->operation},
                            {"expected", difference->expected},
                            {"got", difference->got},
                            {"state", difference->state}};
  }
  return result;
}

}  // namespace

int run_page_table_replay(const page_table_replay_arguments& arguments, std::ostream& out,
                          std::ostream& err) {
  const auto named = named_kernel(arguments.kernel);
  if (!named.ok()) return complain(err, named.status());
  std::string text;
  json files = json::array();
  bool differs = false;
  for (const std::string& file : arguments.files) {
    const auto verdict = play_file(file, *named);
    if (!verdict.ok()) return complain(err, verdict.status());
    text += text_of(*verdict);
    files.push_back(json_of(*verdict));
    differs |= verdict->replay.difference.has_value();
  }
  const json members = {{"files", std::move(files)}};
  out << (arguments.json ? json_text(json_document("pagetable_replay", members)) : text);
  return static_cast<int>(differs ? exit_code::finding : exit_code::good);
}

void add_page_table_replay_command(CLI::App& pagetable, int& exit_status) {
  const auto a = std::make_shared<page_table_replay_arguments>();
  CLI::App* const command =
      pagetable.add_subcommand("replay", "Play recorded runs and check every result");
  add_kernel_option(*command, a->kernel);
  command
      ->add_option("FILE", a->files, "Trace files, plain or packed (.xz, .gz); - is standard input")
      ->required();
  command->add_flag("--json", a->json, "Print one JSON document");
  command->footer(
      "Exit status: 0 all equal; 1 the first difference of a file is shown; 2 bad use or input.");
  command->callback(
      [a, &exit_status] { exit_status = run_page_table_replay(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
