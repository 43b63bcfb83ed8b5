// SPDX-License-Identifier: GPL-2.0-only
//
// A run that was played up to its capture's last mark, held against the capture class by class.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "lab/replay/call_listing.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/comparison.h"
#include "lab/replay/hotplug_player.h"
#include "lab/replay/phase_comparison.h"
#include "lab/replay/replay_differences.h"
#include "lab/replay/vfio_player.h"
#include "lab/replay/workload_calls.h"
#include "lab/replay/workload_sides.h"

namespace iommulab::verify {

/// What was played, and what was to be seen at its moment.
struct played_workload {
  std::vector<played_phase> phases;
  numbered_lines domains_at_boot;
  std::vector<std::string> said_at_boot;
  std::optional<vfio_player> vfio;
  std::optional<hotplug_player> hotplug;
  std::vector<call_event> hotplug_tree;  ///< the capture's, whole
  size_t first_step_event = 0;           ///< of our run
  replay_differences differences;        ///< what could not be done as it was recorded
  std::string stopped;                   ///< the panic or BUG that ended it
};

/// What the driver has said after start-up, so far.
std::vector<std::string> said_since_start_up(const capture_run& run);

std::vector<class_result> compare_workload(const capture_folder& folder,
                                           const workload_sides& sides, const workload_calls& calls,
                                           const capture_run& run, const played_workload& played);

}  // namespace iommulab::verify
