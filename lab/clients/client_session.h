// SPDX-License-Identifier: GPL-2.0-only
//
// A client's script run on a system of its own, operation by operation, with what the kernel said
// and what the unit was told meanwhile.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/trace.h"
#include "kernel/kernel.h"
#include "lab/clients/client_script.h"
#include "lab/clients/client_step.h"
#include "lab/clients/client_system.h"

namespace iommulab {

struct client_request : client_system_request {
  client_script script;
  trace_class classes = trace_class::none;  ///< events to keep beside what effects need
};

struct client_session {
  client_script script;
  trace_recorder recorder;
  std::unique_ptr<kernel> system;
  trace_subscription subscription;
  std::vector<client_step> steps;  ///< of the first operations, until one stopped the kernel
  std::string stopped;             ///< why the kernel stopped, empty when it did not
};

/// Errors of the machine; of an operation, naming its line; EIO when the kernel stops in its
/// start-up; EOPNOTSUPP for a kernel of which VFIO is not ported. What the client left open at its
/// end is closed as at a process's end, behind the last step.
absl::StatusOr<std::unique_ptr<client_session>> run_client(client_request request);

}  // namespace iommulab
