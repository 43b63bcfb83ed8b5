// SPDX-License-Identifier: GPL-2.0-only
//
// Plays a trace on any allocator. Which range a request gets is the allocator's own affair;
// checked is that it may have it: within the limit, at or above start_pfn, aligned, on nothing
// that is in use, and there as long as it is not freed.
//
// What only Linux has is played as near as can be: `split` leaves the whole range in use,
// `copy_reserved` reserves every range of the one domain in the other; flushes, depot work and
// cached nodes are passed over.
#pragma once

#include "core/status.h"
#include "iova/lab/catalogue.h"
#include "iova/trace/replay.h"
#include "iova/trace/trace.h"
#include "iova/trace/versions.h"

namespace iommulab {

struct iova_validity {
  iova_replay replay;
  uint64_t granted = 0;  ///< requests that got a range
  uint64_t refused = 0;  ///< requests that got none, and the trace's kernel had one for them
  uint64_t found = 0;    ///< requests that got one where the trace's kernel had none
};

/// Plays until the first broken rule. `version` says what the trace's `init` means. ENOMEM when
/// a domain cannot be made.
absl::StatusOr<iova_validity> play_on_allocator(const iova_trace& trace,
                                                const iova_trace_version& version,
                                                const iova_catalogue_entry& allocator);

}  // namespace iommulab
