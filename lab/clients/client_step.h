// SPDX-License-Identifier: GPL-2.0-only
//
// One operation of a client, and what happened meanwhile: what it came to, what the kernel logged,
// what the unit was told.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/trace.h"
#include "kernel/kernel.h"
#include "lab/clients/client.h"

namespace iommulab {

/// Events that a recorder has to keep for the effects.
inline constexpr trace_class effect_classes =
    trace_class::regs | trace_class::queue | trace_class::faults;

struct client_step {
  size_t operation = 0;  ///< which of the script's, from 0
  client_answer answer;
  std::vector<std::string> log;      ///< as log_since() has it
  std::vector<std::string> effects;  ///< as effects.h has them
  size_t first_event = 0;            ///< of the recorder's
  size_t last_event = 0;             ///< one past the last
};

/// The recorder's events of that step.
absl::Span<const trace_event> events_of(const trace_recorder& recorder, const client_step& step);

/// Has the client perform the operation. `recorder` listens to `system`, the client's. EINVAL, as
/// vfio_client::perform() has it; a panic of the kernel leaves it.
absl::StatusOr<client_step> perform_step(kernel& system, const trace_recorder& recorder,
                                         vfio_client& client, absl::Span<const std::string> words);

/// What the kernel logged behind its first `count` lines, but for debugging.
std::vector<std::string> log_since(kernel& system, size_t count);

}  // namespace iommulab
