// SPDX-License-Identifier: GPL-2.0-only
//
// Runs the steps of a capture's hot.txt on a system of our own, through its sysfs, and compares
// after each step, in the class "hotplug":
//
//   - the groups and their members;
//   - domains_used of the first unit, and the devices linked to it;
//   - what the driver logged during the step: every line.
//
// The system is a second one, started up for this purpose, so that it is free to choose its pages:
// a capture knows no page of what the DMA API does, which is not run. What is run in its place:
// a driver that maps memory puts its device into a domain (hotplug_mapping.h). Drivers do so
// before the first step where the capture's tables show it, and the network device's driver in
// the steps that bring its interface up. No buffer is mapped, so the tables are not compared after
// steps, nor are registers and queue.
//
// In folders with a call tree, "hotplug calls" compares the notifications (hotplug_calls.h).
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/comparison.h"

namespace iommulab::verify {

/// Whether the folder holds steps.
bool has_hotplug_steps(const capture_folder& folder);

/// Results of "hotplug" and, where recorded, "hotplug calls". Not OK when the folder's machine
/// cannot be run or a file of it cannot be read.
absl::StatusOr<std::vector<class_result>> verify_hotplug(const capture_folder& folder);

}  // namespace iommulab::verify
