// SPDX-License-Identifier: GPL-2.0-only
#include "cli/vfio/vfio_command.h"

#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/kernels/command_line_words.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"
#include "cli/output/assumptions.h"
#include "cli/output/complain.h"
#include "cli/output/json.h"
#include "cli/runs/client_choice.h"
#include "cli/runs/event_json.h"
#include "cli/runs/run_options.h"
#include "cli/runs/sanitizer_json.h"
#include "lab/clients/client_session.h"
#include "lab/graph/graph_text.h"
#include "platform/vtd/sanitizer/vtd_sanitizer.h"

namespace iommulab {
namespace {

/// Those that --trace asks for; the others are there for the effects.
std::vector<trace_event> chosen_events(const client_session& session, const client_step& step,
                                       trace_class classes) {
  std::vector<trace_event> chosen;
  for (const trace_event& event : events_of(session.recorder, step)) {
    if (overlaps(classes, class_of(event.kind()))) chosen.push_back(event);
  }
  return chosen;
}

absl::StatusOr<client_request> request_for(const vfio_arguments& a) {
  // What the unit was told is among the events.
  if (absl::Status status = check_tracing(); !status.ok()) return status;
  client_choice choice{a.script, a.kernel, a.machine, a.dmar_file, std::nullopt, a.modules};
  if (a.has_command_line) choice.command_line = a.command_line;
  auto request = choose_client(choice);
  if (!request.ok()) return request;
  request->sanitize = a.sanitize;
  const auto classes = trace_classes_of(a.trace);
  if (!classes.ok()) return classes.status();
  request->classes = *classes;
  return request;
}

std::string to_text(client_session& session, trace_class classes) {
  event_words words(session.system->units());
  std::string text;
  for (const client_step& step : session.steps) {
    absl::StrAppendFormat(&text, "%d %s -> %s\n", step.operation + 1,
                          session.script.operations[step.operation].text, step.answer.result);
    for (const std::string& line : step.log) absl::StrAppend(&text, "  k: ", line, "\n");
    for (const std::string& line : step.answer.lines) absl::StrAppend(&text, "  ", line, "\n");
    for (const std::string& line : step.effects) absl::StrAppend(&text, "    ", line, "\n");
    if (classes == trace_class::none) continue;
    for (const std::string& line : short_graph(chosen_events(session, step, classes), words)) {
      absl::StrAppend(&text, "      ", line, "\n");
    }
  }
  if (!session.stopped.empty()) absl::StrAppend(&text, session.stopped, "\n");
  if (const vtd_sanitizer* units = session.system->sanitizer()) {
    absl::StrAppend(&text, "\n", iommulab::to_text(*units));
  }
  const std::string assumed = assumptions_text(session.system->machine().assumed);
  if (!assumed.empty()) absl::StrAppend(&text, "\n", assumed);
  return text;
}

std::string to_json(client_session& session, trace_class classes) {
  event_words words(session.system->units());
  json operations = json::array();
  for (const client_step& step : session.steps) {
    const script_line& operation = session.script.operations[step.operation];
    json one = {{"line", operation.line},       {"operation", operation.text},
                {"result", step.answer.result}, {"log", step.log},
                {"answers", step.answer.lines}, {"effects", step.effects}};
    if (classes != trace_class::none) {
      one["events"] = events_json(chosen_events(session, step, classes), words);
    }
    operations.push_back(std::move(one));
  }
  json members = {{"kernel", session.system->profile().name()},
                  {"command_line", session.system->command_line()},
                  {"assumed", session.system->machine().assumed},
                  {"operations", std::move(operations)}};
  if (!session.stopped.empty()) members["stopped"] = session.stopped;
  if (const vtd_sanitizer* units = session.system->sanitizer()) {
    members["sanitizer"] = sanitizer_json(*units);
  }
  return json_text(json_document("vfio", members));
}

}  // namespace

int run_vfio_command(const vfio_arguments& a, std::ostream& out, std::ostream& err) {
  auto request = request_for(a);
  if (!request.ok()) return complain(err, request.status());
  const trace_class classes = request->classes;
  if (a.has_command_line) note_words(err, *request->kernel, a.command_line);
  auto session = run_client(*std::move(request));
  if (!session.ok()) return complain(err, session.status());
  out << (a.json ? to_json(**session, classes) : to_text(**session, classes));
  const vtd_sanitizer* const units = (*session)->system->sanitizer();
  const bool is_wrong =
      !(*session)->stopped.empty() || (units != nullptr && units->log().errors() != 0);
  return static_cast<int>(is_wrong ? exit_code::finding : exit_code::good);
}

void add_vfio_command(CLI::App& app, int& exit_status) {
  auto a = std::make_shared<vfio_arguments>();
  CLI::App* const command = app.add_subcommand(
      "vfio", "Let a program use VFIO and iommufd: map its memory for devices, move data");
  command->add_option("SCRIPT", a->script, "What the program does (cli/vfio/README.md)")
      ->required();
  add_kernel_option(*command, a->kernel, default_client_kernel());
  command
      ->add_option("--machine", a->machine,
                   absl::StrCat(machine_option_words,
                                "; default the capture that the script lies in, else q35"))
      ->type_name("NAME|DIR");
  add_dmar_option(*command, a->dmar_file);
  command
      ->add_option("--cmdline", a->command_line,
                   "The kernel's command line; default the machine's own")
      ->type_name("TEXT")
      ->each([a](const std::string&) { a->has_command_line = true; });
  add_client_module_options(*command, a->modules);
  add_trace_flag(*command, a->trace);
  command->add_flag("--sanitize", a->sanitize, "Check what the driver does to tables and caches");
  command->add_flag("--json", a->json, "Print one JSON document");
  command->footer(
      "Exit status: 0 the script was run, whatever its calls returned; 1 the kernel stopped, or "
      "--sanitize found an error; 2 bad use, or a script that cannot be run.");
  command->callback(
      [a, &exit_status] { exit_status = run_vfio_command(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
