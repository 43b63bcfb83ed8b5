// SPDX-License-Identifier: GPL-2.0-only
#include "cli/pagetable/replay_command.h"

#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/output/complain.h"
#include "iova/trace/recorded_end.h"
#include "lab/pagetable/player.h"
#include "lab/pagetable/trace_reader.h"

namespace iommulab {
namespace {

bool asks_for_whole(const page_table_trace& trace) {
  if (trace.steps.empty()) return false;
  const page_table_op last = trace.steps.back().what;
  return last == page_table_op::dump || last == page_table_op::tables;
}

}  // namespace

int run_page_table_replay(const page_table_replay_arguments& arguments, std::ostream& out,
                          std::ostream& err) {
  const auto named = named_kernel(arguments.kernel);
  if (!named.ok()) return complain(err, named.status());
  std::string text;
  bool differs = false;
  for (const std::string& file : arguments.files) {
    const auto trace = read_page_table_trace(file);
    if (!trace.ok()) return complain(err, trace.status());
    const absl::Status whole = check_recorded_end(
        {file, trace->steps.size(), asks_for_whole(*trace), "a dump or a count of tables"});
    if (!whole.ok()) return complain(err, whole);
    const kernel_profile& kernel = *named != nullptr ? **named : kernel_of(*trace);
    const auto replay = play_page_table_trace(*trace, kernel);
    if (!replay.ok()) return complain(err, replay.status());
    if (!replay->difference) {
      absl::StrAppendFormat(&text, "%s: Linux %s: %d operations: equal\n", trace->source.name,
                            kernel.release(), replay->operations);
      continue;
    }
    absl::StrAppendFormat(&text, "%s: Linux %s: differs at %s", trace->source.name,
                          kernel.release(), page_table_difference_text(*replay->difference));
    differs = true;
  }
  out << text;
  return static_cast<int>(differs ? exit_code::finding : exit_code::good);
}

void add_page_table_replay_command(CLI::App& pagetable, int& exit_status) {
  const auto a = std::make_shared<page_table_replay_arguments>();
  CLI::App* const command =
      pagetable.add_subcommand("replay", "Play recorded runs and check every result");
  add_kernel_option(*command, a->kernel);
  command->add_option("FILE", a->files, "Trace files, plain or .xz")->required();
  command->footer(
      "Exit status: 0 all equal; 1 the first difference of a file is shown; 2 bad use or input.");
  command->callback(
      [a, &exit_status] { exit_status = run_page_table_replay(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
