// SPDX-License-Identifier: GPL-2.0-only
//
// Recordings with four stops, of Linux 6.1 and later: started, after a workload, after the drivers
// were unbound, and after a device's accesses that nothing is mapped for. The port does the same on
// the same machine (stop_player.h), and each stop is compared with all that was recorded at it.
//
// Drivers are not bound here: what they did is in the recording, and binding shows in no file of
// it.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/class_result.h"

namespace iommulab::verify {

/// Start-up: "registers" with the values that reads gave, "queue", "calls". At the stop "boot":
/// "sysfs", "groups", "group types". For each stop NAME: "NAME registers", "NAME queue", "NAME
/// ring", "NAME events", "NAME tables". Over all: "log", and for each device "dma-api DEVICE".
/// Errors are those of the capture's files.
absl::StatusOr<std::vector<class_result>> verify_stops(const capture_folder& folder);

}  // namespace iommulab::verify
