// SPDX-License-Identifier: GPL-2.0-only
//
// From the end of start-up to the boot mark: the rest of the initcalls, the device drivers that
// probe and map their first buffers, and the read of each unit's `version` in sysfs, with which
// the captures' recorder looked around.
//
// What drivers mapped is taken from a call tree where there is one, else from the tables that were
// dumped at the mark. A tree also tells between which notifications of a driver's binding each call
// was made.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "kernel/kernel.h"
#include "lab/replay/api_player.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/workload_calls.h"

namespace iommulab::verify {

/// Brings a system that has started up to the boot mark. `player` makes the calls, and knows the
/// buffers afterwards. Errors of the capture's files.
absl::Status play_to_boot_mark(kernel& system, const capture_folder& folder, api_player& player);

/// The same by the call tree of `calls`, which is known; `play` makes each call.
absl::Status play_to_boot_mark(kernel& system, const workload_calls& calls,
                               absl::FunctionRef<absl::Status(const api_call&)> play);

}  // namespace iommulab::verify
