// SPDX-License-Identifier: GPL-2.0-only
//
// Runs a workload on a kernel version's allocator and keeps what it answers as a trace, which
// play_on_linux() then finds equal.
#pragma once

#include "core/status.h"
#include "iova/trace/linux_player.h"
#include "iova/trace/trace.h"
#include "iova/workload/workload.h"

namespace iommulab {

/// A version without range caches serves alloc_fast with alloc, as its drivers did. The trace looks
/// at cached nodes, depots and the whole tree at regular places. ENOMEM: no memory.
absl::StatusOr<iova_trace> record_workload(const iova_workload& workload,
                                           const iova_trace_version& version,
                                           linux_domain_factory make);

}  // namespace iommulab
