// SPDX-License-Identifier: GPL-2.0-only
//
// Does the steps of a capture's hot.txt to a running system, through its sysfs, with the calls
// that drivers made meanwhile, and lists what is to be seen after each: the groups and their
// members; domains_used of the first unit, and the devices linked to it; what the driver logged,
// every line.
//
// Marks. The recorder dumped the tables behind some of the steps and called the place by what was
// done: "netup" behind a step "up", "removed", "rescanned", "unbound", "bound". A mark belongs to
// the next step of its kind, and to the last of several such steps in a row: "brremoved" to the
// third of three removals. Steps without a mark belong to the next mark's phase.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernel/kernel.h"
#include "lab/replay/hardware_trace.h"
#include "lab/replay/hotplug_steps.h"
#include "lab/replay/notified_calls.h"
#include "lab/replay/replay_differences.h"

namespace iommulab::verify {

/// For each mark behind the boot mark, the step that it follows: an index into the steps. EINVAL,
/// naming `file`, for a mark that no step explains.
absl::StatusOr<std::vector<size_t>> steps_of_marks(absl::Span<const hotplug_step> steps,
                                                   absl::Span<const trace_mark> marks,
                                                   const std::string& file);

class hotplug_player {
 public:
  /// Both outlive the player. `file` is the recording of the steps, for messages.
  hotplug_player(kernel& system, std::string file, replay_differences& differences)
      : system_(system), file_(std::move(file)), differences_(differences) {}

  /// Does the step, with `calls`, which `play` makes, in their places. What sysfs refuses is a
  /// difference; EINVAL for a step that nobody knows how to do.
  absl::Status perform(const hotplug_step& step, notified_calls calls,
                       notified_calls::play_function play);

  /// Both sides of what was to be seen after the steps so far.
  [[nodiscard]] const numbered_lines& captured() const { return captured_; }
  [[nodiscard]] const numbered_lines& ours() const { return ours_; }

 private:
  absl::Status act(const hotplug_step& step);
  absl::Status write_driver_file(const hotplug_step& step, std::string_view file);
  void write_sysfs(const hotplug_step& step, const std::string& path, const std::string& text);
  void add_captured(const hotplug_step& step);
  void add_log(size_t from);
  void add_state();

  kernel& system_;
  std::string file_;
  replay_differences& differences_;
  numbered_lines captured_;
  numbered_lines ours_;
};

}  // namespace iommulab::verify
