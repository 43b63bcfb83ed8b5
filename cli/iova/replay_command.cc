// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/replay_command.h"

#include <iostream>
#include <memory>

#include "absl/strings/str_format.h"
#include "cli/iova/choice.h"
#include "cli/output/complain.h"
#include "iova/trace/allocator_player.h"
#include "iova/trace/linux_player.h"
#include "iova/trace/recorded_end.h"
#include "iova/trace/trace_reader.h"

namespace iommulab {
namespace {

/// What a file came to, and whether it differs.
struct verdict {
  std::string text;
  bool differs = false;
};

verdict verdict_of(const iova_trace& trace, std::string_view allocator, const iova_replay& replay,
                   std::string_view good) {
  if (!replay.difference) {
    return {absl::StrFormat("%s: %d operations on %s: %s\n", trace.name, replay.operations,
                            allocator, good),
            false};
  }
  return {absl::StrFormat("%s: on %s: differs at %s", trace.name, allocator,
                          iova_difference_text(*replay.difference)),
          true};
}

absl::StatusOr<verdict> play_file(const std::string& file, const iova_replay_arguments& a) {
  const auto trace = read_iova_trace(file);
  if (!trace.ok()) return trace.status();
  const bool dumped = !trace->steps.empty() && trace->steps.back().what == iova_trace_op::dump;
  const absl::Status whole = check_recorded_end({file, trace->steps.size(), dumped, "a dump"});
  if (!whole.ok()) return whole;
  const auto version = version_of_trace(*trace, a.version);
  if (!version.ok()) return version.status();
  if (a.allocator.empty()) {
    const auto replay = play_on_linux(*trace, **version);
    if (!replay.ok()) return replay.status();
    return verdict_of(*trace, (*version)->name, *replay, "equal");
  }
  const auto allocator = choose_iova_allocator(a.allocator);
  if (!allocator.ok()) return allocator.status();
  const auto result = play_on_allocator(*trace, **version, **allocator);
  if (!result.ok()) return result.status();
  return verdict_of(
      *trace, a.allocator, result->replay,
      absl::StrFormat("valid; %d granted, %d refused that %s served, %d served that it refused",
                      result->granted, result->refused, (*version)->name, result->found));
}

}  // namespace

int run_iova_replay(const iova_replay_arguments& arguments, std::ostream& out, std::ostream& err) {
  std::string text;
  bool differs = false;
  for (const std::string& file : arguments.files) {
    const auto played = play_file(file, arguments);
    if (!played.ok()) return complain(err, played.status());
    text += played->text;
    differs |= played->differs;
  }
  out << text;
  return static_cast<int>(differs ? exit_code::finding : exit_code::good);
}

void add_iova_replay_command(CLI::App& iova, int& exit_status) {
  const auto a = std::make_shared<iova_replay_arguments>();
  CLI::App* const command =
      iova.add_subcommand("replay", "Play recorded runs and check every result");
  command->add_option("FILE", a->files, "Trace files, plain or .xz")->required();
  command
      ->add_option("--version", a->version,
                   "Kernel that the trace was recorded from, v4_4 or 4.4 …; default: as its first "
                   "comment or its folder says")
      ->type_name("V");
  command
      ->add_option("--allocator", a->allocator,
                   "Play on this allocator and check that what it gives is valid; default: on the "
                   "version, all results equal")
      ->type_name("NAME");
  command->footer(
      "Exit status: 0 all equal, or valid; 1 the first difference of a file is shown; 2 bad use or "
      "input.");
  command->callback([a, &exit_status] { exit_status = run_iova_replay(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
