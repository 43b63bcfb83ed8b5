// SPDX-License-Identifier: GPL-2.0-only
#include "lab/clients/client_session.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "core/status.h"

namespace iommulab {
namespace {

absl::Status play(client_session& session, vfio_client& client) {
  const client_script& script = session.script;
  for (size_t i = 0; i < script.operations.size(); ++i) {
    const script_line& line = script.operations[i];
    auto step = perform_step(*session.system, session.recorder, client, line.words);
    if (!step.ok()) {
      return errno_status(EINVAL, absl::StrFormat("%s: line %d: %s", script.file, line.line,
                                                  step.status().message()));
    }
    step->operation = i;
    session.steps.push_back(*std::move(step));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<client_session>> run_client(client_request request) {
  auto session = std::make_unique<client_session>();
  session->script = std::move(request.script);
  auto system = boot_for_clients(request);
  if (!system.ok()) return system.status();
  session->system = *std::move(system);
  session->subscription =
      session->system->env().trace.subscribe(session->recorder, effect_classes | request.classes);
  absl::Status status;
  session->stopped = run_guarded([&] {
                       vfio_client client(*session->system, {});
                       status = play(*session, client);
                       client.finish();
                     }).line();
  if (!status.ok()) return status;
  return session;
}

}  // namespace iommulab
