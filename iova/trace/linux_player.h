// SPDX-License-Identifier: GPL-2.0-only
//
// Plays a trace on a kernel version's allocator: everything it answers must be what the trace
// says, the cached nodes, the depots and the whole tree at each dump included.
#pragma once

#include <memory>

#include "absl/functional/function_ref.h"
#include "core/status.h"
#include "iova/linux/linux_domain.h"
#include "iova/trace/replay.h"
#include "iova/trace/trace.h"
#include "iova/trace/versions.h"

namespace iommulab {

/// Makes a domain; it is initialised afterwards. Null: no memory.
using linux_domain_factory = absl::FunctionRef<std::unique_ptr<linux_iova_domain>()>;

/// Looks at the domain of the last step played, in the state that the step left.
using linux_domain_viewer = absl::FunctionRef<void(const linux_iova_domain&)>;

/// Plays until the first difference. EINVAL when the trace asks for what the version does not have
/// or for what its own earlier steps made impossible; ENOMEM when a domain cannot be made.
absl::StatusOr<iova_replay> play_on_linux(const iova_trace& trace,
                                          const iova_trace_version& version,
                                          linux_domain_factory make);
absl::StatusOr<iova_replay> play_on_linux(const iova_trace& trace,
                                          const iova_trace_version& version,
                                          linux_domain_factory make, linux_domain_viewer at_end);

/// On make_linux_iova_domain(version.name).
absl::StatusOr<iova_replay> play_on_linux(const iova_trace& trace,
                                          const iova_trace_version& version);

}  // namespace iommulab
