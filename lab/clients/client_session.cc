// SPDX-License-Identifier: GPL-2.0-only
#include "lab/clients/client_session.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "core/status.h"
#include "lab/clients/effects.h"

namespace iommulab {
namespace {

constexpr trace_class needed = trace_class::regs | trace_class::queue | trace_class::faults;

std::vector<std::string> log_since(kernel& system, size_t first) {
  std::vector<std::string> texts;
  const auto& lines = system.env().log.lines();
  for (size_t i = first; i < lines.size(); ++i) {
    if (lines[i].level != log_level::debug) texts.push_back(lines[i].text);
  }
  return texts;
}

absl::Status perform(client_session& session, vfio_client& client, const script_line& line) {
  client_step step;
  step.operation = &line;
  step.first_event = session.recorder.events().size();
  const size_t log_before = session.system->env().log.lines().size();
  auto answer = client.perform(line.words);
  if (!answer.ok()) {
    return errno_status(EINVAL, absl::StrFormat("%s: line %d: %s", session.script.file, line.line,
                                                answer.status().message()));
  }
  step.answer = *std::move(answer);
  step.last_event = session.recorder.events().size();
  step.log = log_since(*session.system, log_before);
  step.effects =
      effects_of_events(absl::MakeConstSpan(session.recorder.events())
                            .subspan(step.first_event, step.last_event - step.first_event),
                        step.answer.device_writes);
  session.steps.push_back(std::move(step));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<client_session>> run_client(client_request request) {
  auto session = std::make_unique<client_session>();
  session->script = std::move(request.script);
  kernel_options options;
  options.profile = request.kernel;
  options.command_line = request.command_line;
  options.sanitize = request.sanitize;
  auto system = kernel::create(request.machine, std::move(options));
  if (!system.ok()) return system.status();
  session->system = *std::move(system);
  const boot_outcome outcome = session->system->start_up();
  if (!outcome.panic.empty()) {
    return errno_status(EIO,
                        absl::StrFormat("the kernel stops in its start-up: %s", outcome.panic));
  }
  session->system->load_drivers();
  session->system->finish_boot();
  session->system->load_late_drivers();
  if (absl::Status status = session->system->load_vfio(request.modules); !status.ok()) {
    return status;
  }
  session->subscription =
      session->system->env().trace.subscribe(session->recorder, needed | request.classes);
  absl::Status status;
  session->stopped = run_guarded([&] {
                       vfio_client client(*session->system, {});
                       for (const script_line& line : session->script.operations) {
                         status = perform(*session, client, line);
                         if (!status.ok()) break;
                       }
                       client.finish();
                     }).line();
  if (!status.ok()) return status;
  return session;
}

}  // namespace iommulab
