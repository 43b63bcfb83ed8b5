// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/replay_command.h"

#include <iostream>
#include <memory>

#include "absl/strings/str_format.h"
#include "cli/iova/choice.h"
#include "cli/iova/ftrace_replay.h"
#include "cli/iova/replay_json.h"
#include "cli/output/complain.h"
#include "cli/output/json.h"
#include "cli/output/number_option.h"
#include "iova/trace/allocator_player.h"
#include "iova/trace/linux_player.h"
#include "iova/trace/recorded_end.h"
#include "iova/trace/trace_reader.h"

namespace iommulab {
namespace {

/// What a file came to.
struct verdict {
  std::string file;
  std::string_view kernel;     // that it was recorded from
  std::string_view allocator;  // that it was played on
  iova_replay replay;
  std::optional<iova_validity> counts;  // of validity; none: equality was asked for
  end_told_by end;
};

std::string text_of(const verdict& v) {
  if (v.replay.difference) {
    return absl::StrFormat("%s: on %s: differs at %s", v.file, v.allocator,
                           iova_difference_text(*v.replay.difference));
  }
  const std::string good =
      !v.counts ? "equal"
                : absl::StrFormat(
                      "valid; %d granted, %d refused that %s served, %d served that it refused",
                      v.counts->granted, v.counts->refused, v.kernel, v.counts->found);
  return absl::StrFormat("%s: %d operations on %s: %s%s\n", v.file, v.replay.operations,
                         v.allocator, good, remark(v.end));
}

json json_of(const verdict& v) {
  json one = {{"file", v.file},
              {"kernel", std::string(v.kernel)},
              {"allocator", std::string(v.allocator)},
              {"operations", v.replay.operations},
              {"result", v.replay.difference ? "differs"
                         : v.counts          ? "valid"
                                             : "equal"},
              {"end_told_by", std::string(name(v.end))}};
  if (v.counts) {
    one["granted"] = v.counts->granted;
    one["refused"] = v.counts->refused;
    one["found"] = v.counts->found;
  }
  if (v.replay.difference) one["difference"] = difference_json(*v.replay.difference);
  return one;
}

absl::StatusOr<verdict> play_file(const std::string& file, const iova_replay_arguments& a) {
  const auto trace = read_iova_trace(file);
  if (!trace.ok()) return trace.status();
  const auto end = check_recorded_end(trace->name, trace->end, trace->steps.size());
  if (!end.ok()) return end.status();
  const auto version = version_of_trace(*trace, a.version);
  if (!version.ok()) return version.status();
  if (a.allocators.empty()) {
    const auto replay = play_on_linux(*trace, **version);
    if (!replay.ok()) return replay.status();
    return verdict{trace->name, (*version)->name, (*version)->name, *replay, std::nullopt, *end};
  }
  const auto allocator = choose_iova_allocator(a.allocators.front());
  if (!allocator.ok()) return allocator.status();
  const auto result = play_on_allocator(*trace, **version, **allocator);
  if (!result.ok()) return result.status();
  return verdict{trace->name, (*version)->name, (*allocator)->name, result->replay, *result, *end};
}

absl::Status check(const iova_replay_arguments& a) {
  if (!a.ftrace.empty()) {
    if (!a.files.empty()) return refuse("give a FILE or --ftrace, not both");
    if (!a.version.empty()) {
      return refuse("--version goes with recorded runs of an allocator, not with --ftrace");
    }
    if (a.repeat && (*a.repeat < 1 || *a.repeat > 1000)) {
      return refuse(absl::StrFormat("--repeat is \"%d\": must be 1 to 1000", *a.repeat));
    }
    constexpr uint64_t least = 2 * traced_page - 1;  // frame 0 is given to nobody
    if (a.limit && *a.limit < least) {
      return refuse(absl::StrFormat("--limit is \"0x%x\": must be 0x%x or more", *a.limit, least));
    }
    return absl::OkStatus();
  }
  if (a.files.empty()) return refuse("a FILE is required, or --ftrace FILE");
  if (a.limit || a.repeat) {
    return refuse(absl::StrFormat("%s goes with --ftrace", a.limit ? "--limit" : "--repeat"));
  }
  if (a.allocators.size() > 1) {
    return refuse("several --allocator go with --ftrace: a recorded run is checked on one");
  }
  return absl::OkStatus();
}

int run_ftrace(const iova_replay_arguments& a, std::ostream& out, std::ostream& err) {
  ftrace_question question = {a.ftrace, a.allocators, a.limit};
  if (a.repeat) question.repeat = static_cast<unsigned>(*a.repeat);
  const auto report = replay_ftrace(question);
  if (!report.ok()) return complain(err, report.status());
  warn_of_build(err, a.build);
  out << (a.json ? ftrace_to_json(*report) : ftrace_to_text(*report));
  return static_cast<int>(exit_code::good);
}

}  // namespace

int run_iova_replay(const iova_replay_arguments& arguments, std::ostream& out, std::ostream& err) {
  if (const absl::Status status = check(arguments); !status.ok()) return complain(err, status);
  if (!arguments.ftrace.empty()) return run_ftrace(arguments, out, err);
  std::string text;
  json document = json_document("iova_replay");
  document["files"] = json::array();
  bool differs = false;
  for (const std::string& file : arguments.files) {
    const auto played = play_file(file, arguments);
    if (!played.ok()) return complain(err, played.status());
    if (arguments.json) {
      document["files"].push_back(json_of(*played));
    } else {
      text += text_of(*played);
    }
    differs |= played->replay.difference.has_value();
  }
  out << (arguments.json ? json_text(document) : text);
  return static_cast<int>(differs ? exit_code::finding : exit_code::good);
}

void add_iova_replay_command(CLI::App& iova, int& exit_status) {
  const auto a = std::make_shared<iova_replay_arguments>();
  CLI::App* const command =
      iova.add_subcommand("replay", "Play recorded runs and check every result");
  command->add_option("FILE", a->files,
                      "Trace files, plain or packed (.xz, .gz); - is standard input");
  command
      ->add_option("--kernel,--version", a->version,
                   "Kernel that the trace was recorded from, v4_4 or 4.4 …; default: as its first "
                   "comment or its folder says")
      ->type_name("V");
  command
      ->add_option("--allocator", a->allocators,
                   "Play on this allocator and check that what it gives is valid; default: on the "
                   "version, all results equal. With --ftrace: run on this one; may be given "
                   "several times; default: all")
      ->type_name("NAME")
      ->expected(1)
      ->take_all();
  command
      ->add_option("--ftrace", a->ftrace,
                   "Run what the dma: tracepoints of a machine saw on every allocator: a trace as "
                   "trace-cmd report, perf script or /sys/kernel/tracing/trace print it; - is "
                   "standard input")
      ->type_name("FILE");
  add_whole_number(*command, "--limit", a->limit,
                   "With --ftrace: the last address that devices reach; default: 4 GiB, and when "
                   "that is full 2^48")
      ->type_name("ADDRESS");
  add_whole_number(*command, "--repeat", a->repeat, "With --ftrace: timed runs; default 1");
  command->add_flag("--json", a->json, "Print one JSON document");
  command->footer(
      "Exit status: 0 all equal, or valid; 1 the first difference of a file is shown; 2 bad use or "
      "input.");
  command->callback([a, &exit_status] { exit_status = run_iova_replay(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
