// SPDX-License-Identifier: GPL-2.0-only
//
// What happened in a capture after start-up: drivers that probed, up to the boot mark, and then
// workloads and hot plugging, up to marks of their own. The port does the same on the same machine,
// call by call, and each phase is compared: the functions called, register accesses, descriptors,
// and the tables at its end; the log over all phases; at the boot mark also the number of domains.
//
// Every mark's phase is one of four:
//   - a call tree says what was done;
//   - steps of hot.txt were done (hotplug_player.h);
//   - one of the recorder's own workloads ran, no tree says what its drivers did, and no tables
//     were dumped: unseen_drivers.h;
//   - nobody knows what was done. Nothing of it is compared, nor of what follows, and the results
//     say so: a capture of suspend and resume comes to that.
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
/// "boot domains" and "boot log"; "vfio client" and "vfio log"; "hotplug" and "hotplug calls". A
/// run that stopped dead at start-up has none of them. The marks behind the boot mark of a folder
/// with a script of operations are the script's. Errors are those of the capture's files. `watcher`
/// may listen to the run.
absl::StatusOr<std::vector<class_result>> verify_workload(const capture_folder& folder,
                                                          system_watcher watcher = {});

}  // namespace iommulab::verify
