// SPDX-License-Identifier: GPL-2.0-only
//
// One boot of one machine, and what it came to.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "core/trace.h"
#include "kernel/kernel.h"
#include "lab/events/run_sink.h"

namespace iommulab {

struct boot_request {
  const kernel_profile* kernel = nullptr;  ///< null: the default
  machine_config machine;
  std::string command_line;
  trace_class classes = trace_class::none;  ///< events to keep
  std::string until;                        ///< a kernel function's exact name, or empty
  bool sanitize = false;                    ///< check the driver (platform/vtd/sanitizer)
};

enum class boot_ending : uint8_t {
  complete,  ///< to the late initcalls
  stopped,   ///< behind the function that was asked for
  panicked,  ///< panic(), or a BUG()
};

/// A run that has ended, or is held behind the function that was asked for: then the system is
/// exactly as that function left it. Destroying it lets a held run go on, unseen, to its end.
struct boot_run {
  run_sink sink;
  std::unique_ptr<kernel> system;
  std::unique_ptr<held_run> run;  ///< ends before its system
  trace_subscription subscription;
  std::string command_line;
  boot_outcome outcome;  ///< of a complete or panicked run
  boot_ending ending = boot_ending::complete;
  /// What a default kernel shows: without pr_debug() lines, up to where the run stopped.
  std::vector<log_line> log;

  explicit boot_run(run_sink s) : sink(std::move(s)) {}
};

/// The system that is asked for, of which nothing has run. EINVAL, with the thing's name, when the
/// machine cannot be built.
absl::StatusOr<std::unique_ptr<kernel>> system_to_boot(const boot_request& request);
/// Runs it to the late initcalls, or to a panic() or BUG().
boot_outcome boot_to_the_end(kernel& system);

/// The same error.
absl::StatusOr<std::unique_ptr<boot_run>> run_boot(boot_request request);

/// Whether every unit that the driver takes care of translates (GSTS.TES), and there is one.
bool translation_on(kernel& system);

}  // namespace iommulab
