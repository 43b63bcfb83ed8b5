// SPDX-License-Identifier: GPL-2.0-only
#include "cli/trace/trace_command.h"

#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/output/assumptions.h"
#include "cli/output/complain.h"
#include "cli/output/json.h"
#include "cli/output/number_option.h"
#include "cli/output/write_file.h"
#include "cli/runs/event_json.h"
#include "cli/runs/run_options.h"
#include "cli/trace/against.h"
#include "cli/trace/perfetto_json.h"
#include "cli/trace/run_recording.h"
#include "cli/trace/trace_choices.h"
#include "lab/events/traced_functions.h"
#include "lab/graph/graph_text.h"

namespace iommulab {
namespace {

/// Of a script what comes before its first operation is the boot, which `trace boot` shows.
size_t first_shown(const run_choice& choice, const std::vector<trace_event>& events) {
  if (choice.kind != run_kind::script) return 0;
  const auto mark = std::find_if(events.begin(), events.end(), [](const trace_event& event) {
    const auto* note = event.as<events::note>();
    return note != nullptr && note->text.starts_with("OP ");
  });
  return mark == events.end() ? 0 : static_cast<size_t>(mark - events.begin());
}

std::vector<size_t> shown_events(const trace_arguments& a, const graph_filter& filter,
                                 const run_recording& run) {
  event_words words = run.words;
  std::vector<size_t> shown = chosen_events(run.events, filter, words);
  const size_t first = first_shown(a.run, run.events);
  shown.erase(shown.begin(), std::lower_bound(shown.begin(), shown.end(), first));
  return shown;
}

std::string graph_of(const trace_arguments& a, const std::vector<size_t>& shown,
                     run_recording& run) {
  std::string text = graph_head(absl::StrCat("iommulab: ", run.title));
  for (const std::string& what : run.assumed) absl::StrAppend(&text, "# assumed: ", what, "\n");
  for (const graph_line& line : graph_lines(run.events, shown, run.words, {!a.no_args})) {
    absl::StrAppend(&text, full_text(line), "\n");
  }
  return text;
}

std::string stream_of(const std::vector<size_t>& shown, run_recording& run) {
  json events = json::array();
  size_t heard = 0;
  for (const size_t index : shown) {
    for (; heard < index; ++heard) run.words.place(run.events[heard]);
    events.push_back(event_json(run.events[index], run.words));
  }
  return json_text(json_document(
      "trace", {{"run", run.title}, {"assumed", run.assumed}, {"events", std::move(events)}}));
}

std::string timeline_text(const trace_arguments& a, const std::vector<size_t>& shown,
                          run_recording& run) {
  event_words words = run.words;
  const auto clock = a.time == "virtual" ? timeline_clock::virtual_time : timeline_clock::events;
  const timeline line = timeline_of(run.events, shown, words, clock);
  return perfetto_json(line, run.events, run.words, {run.title, run.assumed});
}

std::string text_of(const trace_arguments& a, const graph_filter& filter, run_recording& run) {
  const std::vector<size_t> shown = shown_events(a, filter, run);
  if (a.format == "json") return stream_of(shown, run);
  return a.format == "perfetto" ? timeline_text(a, shown, run) : graph_of(a, shown, run);
}

/// To the file of -o, or out.
absl::Status deliver(const trace_arguments& a, const std::string& text, std::ostream& out) {
  if (!a.output.empty()) return write_file(a.output, text);
  out << text;
  return absl::OkStatus();
}

/// The run stopped dead, or does otherwise than it was recorded: that is a finding, with all that
/// came before it. What could not be run at all is bad input.
bool is_finding(const absl::Status& ended) {
  return ended.ok() || status_errno(ended) == EIO;
}

absl::StatusOr<run_recording> record(const trace_arguments& a) {
  if (!a.output.empty()) {
    if (absl::Status status = check_writable(a.output); !status.ok()) return status;
  }
  const auto run = chosen_run(a.run);
  if (!run.ok()) return run.status();
  auto recording = record_run(**run, function_name_of(a.until));
  if (recording.ok() && !is_finding(recording->ended)) return recording->ended;
  return recording;
}

int show_difference(const trace_arguments& a, graph_filter filter, std::ostream& out,
                    std::ostream& err) {
  auto file = read_graph_file(a.against);
  if (!file.ok()) return complain(err, file.status());
  const auto run = record(a);
  if (!run.ok()) return complain(err, run.status());
  const graph_comparison comparison =
      compare_graph(file->graph, run->events,
                    {file->traced, std::move(filter.subtrees), std::move(filter.functions)});
  const std::string text =
      comparison_to_text(comparison, *file, run->title) + assumptions_text(run->assumed);
  if (const absl::Status status = deliver(a, text, out); !status.ok()) return complain(err, status);
  if (!run->ended.ok()) {
    return complain(err, std::string(run->ended.message()), exit_code::finding);
  }
  return static_cast<int>(comparison.equal() ? exit_code::good : exit_code::finding);
}

}  // namespace

int run_trace_command(const trace_arguments& a, std::ostream& out, std::ostream& err) {
  if (absl::Status status = check_trace_arguments(a); !status.ok()) return complain(err, status);
  auto filter = filter_of(a);
  if (!filter.ok()) return complain(err, filter.status());
  if (!a.against.empty()) return show_difference(a, *std::move(filter), out, err);
  auto run = record(a);
  if (!run.ok()) return complain(err, run.status());
  if (!a.until.empty() && !run->returned) {
    complain_of_until(function_name_of(a.until), run->entered, "in this run", err);
    return static_cast<int>(exit_code::finding);
  }
  const absl::Status written = deliver(a, text_of(a, *filter, *run), out);
  if (!written.ok()) return complain(err, written);
  if (run->ended.ok()) return static_cast<int>(exit_code::good);
  return complain(err, std::string(run->ended.message()), exit_code::finding);
}

namespace {

void add_trace_options(CLI::App& command, trace_arguments& a) {
  constexpr const char* group = "Trace";
  add_until_option(command, a.until);
  command
      .add_option("-g,--graph-function", a.subtrees,
                  "Only this function's calls with all below them; a pattern may name several. May "
                  "be given again")
      ->type_name("FUNCTION")
      ->expected(1)
      ->take_all()
      ->group(group);
  command
      .add_option("-l,--function", a.functions,
                  "Only functions that fit this pattern (*, ? and […]). May be given again")
      ->type_name("PATTERN")
      ->expected(1)
      ->take_all()
      ->group(group);
  add_whole_number(command, "--max-graph-depth", a.max_depth,
                   "Functions in one another, at most this many")
      ->group(group);
  command
      .add_option("--effects", a.effects,
                  "Which of the things that functions do are shown: a list of " +
                      absl::StrJoin(effect_words(), ", ") +
                      "; default in text regs,tables,queue,faults,log,notes, else all")
      ->type_name("KIND,...")
      ->group(group);
  command
      .add_option("--device", a.device, "Only what is about this device, with the calls around it")
      ->type_name("BDF")
      ->group(group);
  command
      .add_option("--address", a.address,
                  "Only what is about an address in this range (one address: its page), I/O or "
                  "physical, with the calls around it")
      ->type_name("LO[-HI]")
      ->group(group);
  command.add_flag("--no-args", a.no_args, "No arguments and results")->group(group);
  command
      .add_option("--format", a.format,
                  "text: ftrace's function_graph, the default; json: the stream of events; "
                  "perfetto: trace-event JSON for ui.perfetto.dev")
      ->check(CLI::IsMember({"text", "json", "perfetto"}).description(""))
      ->type_name("text|json|perfetto")
      ->group(group);
  command
      .add_option("--time", a.time,
                  "Of perfetto: a microsecond an event, the default, or the run's own clock")
      ->check(CLI::IsMember({"events", "virtual"}).description(""))
      ->type_name("events|virtual")
      ->group(group);
  command.add_option("-o,--output", a.output, "Write to this file")
      ->type_name("FILE")
      ->group(group);
  command
      .add_option("--against", a.against,
                  "Show how the calls differ from this function graph of a real kernel's tracer "
                  "(plain or .xz, any options of its columns)")
      ->type_name("FILE")
      ->group(group);
  command.footer(
      "Exit status: 0 good; 1 the kernel stopped, the function of --until did not return, or "
      "--against found a difference; 2 bad use or input.");
}

}  // namespace

void add_trace_command(CLI::App& app, int& exit_status) {
  const auto a = std::make_shared<trace_arguments>();
  CLI::App* const command = app.add_subcommand(
      "trace", "Show a run as ftrace's function_graph does, with what functions do");
  add_run_choices(
      *command, a->run, [&](CLI::App& one) { add_trace_options(one, *a); },
      [a, &exit_status] { exit_status = run_trace_command(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
