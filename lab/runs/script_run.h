// SPDX-License-Identifier: GPL-2.0-only
//
// One script of DMA operations run on a system of its own, watched: the system is booted up to the
// moment when the script begins, then each operation is done with its events recorded. The run is
// held behind the return of a function, or else behind the last operation, while buffers are still
// mapped: whoever made it looks at the system then and may let it end.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/trace.h"
#include "kernel/kernel.h"
#include "lab/events/held_run.h"
#include "lab/events/run_sink.h"
#include "lab/runs/device_transfer.h"
#include "lab/script/script.h"
#include "lab/script/session.h"
#include "platform/machine/machine.h"

namespace iommulab::dmalab {

struct script_request {
  const kernel_profile* kernel = nullptr;  ///< null: the default
  machine_config machine;
  std::string command_line;
  std::string capture;  ///< the capture that the script lies in, whose boot is played; or empty
  script what;
  trace_class classes = trace_class::none;  ///< events to keep, from the script's start on
  std::string until;                        ///< a kernel function's exact name, or empty
  bool sanitize = false;
};

/// An operation that was done.
struct done_operation {
  outcome result;
  std::vector<device_transfer> transfers;  ///< that devices ended meanwhile
  size_t first_event = 0;                  ///< in script_run::sink
  size_t last_event = 0;                   ///< one past the last
};

/// Called behind each operation, with its faults and diagnoses: false ends the session.
using operation_judge = std::function<bool(kernel&, const script&, const done_operation&,
                                           absl::Span<const trace_event>)>;

struct script_run {
  enum class how : uint8_t {
    complete,  ///< every operation was done, or the judge ended it
    stopped,   ///< behind the function that was asked for
    died,      ///< panic(), or a BUG()
  };

  script what;
  std::string command_line;
  run_sink sink;
  std::unique_ptr<kernel> system;
  trace_subscription subscription;
  how ending = how::complete;
  std::vector<done_operation> operations;
  /// Begun and not ended, when it is held within one: its events begin at `current_event`.
  const operation* current = nullptr;
  size_t current_event = 0;
  /// Writes to root entries from before the script, for who puts events into words.
  std::vector<trace_event> root_entries;

  explicit script_run(run_sink s) : sink(std::move(s)) {}
  /// Lets a run that is held behind its last operation end. What the script's end prints and does
  /// comes now. The error of an operation that the system cannot do.
  absl::Status finish();

  absl::Status status;     ///< of the session
  bool abandoned = false;  ///< nobody looks any more: the session ends with its operation

  std::unique_ptr<held_run> run;  ///< the last member: a run that is held goes on into the others
};

/// Machine, capture and script as `run_script()` needs them: arenas and devices that the script
/// leaves open are chosen.
void complete_script(script& from, const machine_config& machine);
/// The folder of a script that lies in a capture; empty for any other.
std::string capture_of_script(const std::string& path);

/// The system that a script is to run on; nothing of it has run. The machine's errors.
absl::StatusOr<std::unique_ptr<kernel>> system_for_script(const script_request& request);

/// Boots and runs. Errors of the machine and of the script; EIO when the kernel stops in its
/// start-up.
absl::StatusOr<std::unique_ptr<script_run>> run_script(script_request request,
                                                       operation_judge judge = {});

/// Where a buffer of the script lies for its device, by what its operation said: `handle` is the
/// script's number. Nothing for a handle that was never made.
std::optional<uint64_t> address_of_handle(const script_run& run, uint64_t handle);

}  // namespace iommulab::dmalab
