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
#include "cli/output/complain.h"
#include "cli/output/json.h"
#include "cli/runs/event_json.h"
#include "cli/runs/run_options.h"
#include "cli/runs/sanitizer_json.h"
#include "lab/clients/client_session.h"
#include "lab/graph/graph_text.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/stops/client_inputs.h"
#include "lab/runs/script_run.h"
#include "platform/vtd/sanitizer/vtd_sanitizer.h"

namespace iommulab {
namespace {

/// The one that has all: groups, the devices' own nodes, iommufd.
const kernel_profile& default_client_kernel() {
  const kernel_profile* const found = find_kernel_profile("v6_12");
  return found == nullptr ? default_kernel_profile() : *found;
}

constexpr const char* container_of_iommufd = "iommufd";

/// Those that --trace asks for; the others are there for the effects.
std::vector<trace_event> chosen_events(const client_session& session, const client_step& step,
                                       trace_class classes) {
  std::vector<trace_event> chosen;
  for (const trace_event& event : events_of(session.recorder, step)) {
    if (overlaps(classes, class_of(event.kind()))) chosen.push_back(event);
  }
  return chosen;
}

/// How the modules were loaded when the script was recorded, or else as the script has it.
absl::StatusOr<vfio_module_options> own_options(const std::string& capture,
                                                const client_script& script) {
  if (!capture.empty()) {
    const auto folder = verify::capture_folder::open(capture);
    if (!folder.ok()) return folder.status();
    if (folder->recording() == verify::recording_kind::script) {
      return verify::read_client_options(*folder);
    }
  }
  vfio_module_options options;
  options.allow_unsafe_interrupts = script.unsafe_interrupts.value_or(true);
  return options;
}

absl::StatusOr<client_request> request_for(const vfio_arguments& a) {
  // What the unit was told is among the events.
  if (absl::Status status = check_tracing(); !status.ok()) return status;
  client_request request;
  const auto source = read_source(a.script);
  if (!source.ok()) return source.status();
  auto script = read_client_script(*source);
  if (!script.ok()) return script.status();
  request.script = *std::move(script);
  const std::string capture = a.machine.empty() ? dmalab::capture_of_script(a.script) : "";
  const std::string named = a.machine.empty() ? default_machine : a.machine;
  const auto kernel =
      choose_kernel(a.kernel, capture.empty() ? a.machine : capture, default_client_kernel());
  if (!kernel.ok()) return kernel.status();
  request.kernel = *kernel;
  auto machine = choose_machine(capture.empty() ? named : capture, a.dmar_file);
  if (!machine.ok()) return machine.status();
  request.machine = *std::move(machine);
  request.command_line = a.has_command_line ? a.command_line : request.machine.command_line;
  if (!a.has_command_line && capture.empty() && request.script.command_line) {
    absl::StrAppend(&request.command_line, " ", *request.script.command_line);
  }
  const auto modules = own_options(capture, request.script);
  if (!modules.ok()) return modules.status();
  request.modules = *modules;
  if (!a.container.empty()) {
    request.modules.container_is_iommufd = a.container == container_of_iommufd;
  }
  if (a.no_unsafe_interrupts) request.modules.allow_unsafe_interrupts = false;
  if (a.dma_entry_limit) request.modules.dma_entry_limit = *a.dma_entry_limit;
  request.sanitize = a.sanitize;
  const auto classes = trace_classes_of(a.trace);
  if (!classes.ok()) return classes.status();
  request.classes = *classes;
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
                   "A built-in machine or a folder (see `iommulab machines`); default the capture "
                   "that the script lies in, else q35")
      ->type_name("NAME|DIR");
  add_dmar_option(*command, a->dmar_file);
  command
      ->add_option("--cmdline", a->command_line,
                   "The kernel's command line; default the machine's own")
      ->type_name("TEXT")
      ->each([a](const std::string&) { a->has_command_line = true; });
  command
      ->add_option("--container", a->container,
                   "Who serves /dev/vfio/vfio: VFIO with its type1 driver, or iommufd in its "
                   "place; default as it was recorded, else vfio")
      ->check(CLI::IsMember({"vfio", container_of_iommufd}))
      ->type_name("vfio|iommufd");
  command->add_flag("--no-unsafe-interrupts", a->no_unsafe_interrupts,
                    "Load the modules without allow_unsafe_interrupts: devices whose interrupts "
                    "are not isolated are refused");
  command
      ->add_option("--dma-entry-limit", a->dma_entry_limit,
                   "Mappings that a container of type1 may have")
      ->type_name("COUNT");
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
