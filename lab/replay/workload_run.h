// SPDX-License-Identifier: GPL-2.0-only
//
// What happened in a capture after start-up: drivers that probed, up to the boot mark, and then the
// workloads, each up to a mark of its own. The port does the same on the same machine, call by
// call, and each phase is compared: the functions called, register accesses, descriptors, and the
// tables at its end; the log over all phases; at the boot mark also the number of domains.
//
// When the unmap timer expires is an input. A call tree shows it. In a plain run the timer expires
// where it did in the tree that the calls are from, but no more often than the capture's queue has
// descriptors for; and where a phase of the capture has more of them than all its calls came to, it
// expires at the phase's end, or at its beginning when unmaps still waited then.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/comparison.h"

namespace iommulab::verify {

/// Whether the capture went on to a boot mark.
bool has_workload(const capture_folder& folder);

/// For each phase NAME the classes "NAME calls", "NAME registers", "NAME queue" and "NAME tables";
/// "boot domains" and "boot log"; "vfio client" and "vfio log". A run that stopped dead at start-up
/// has none of them. Errors are those of the capture's files.
/// `watcher` may listen to the run.
absl::StatusOr<std::vector<class_result>> verify_workload(const capture_folder& folder,
                                                          system_watcher watcher = {});

}  // namespace iommulab::verify
