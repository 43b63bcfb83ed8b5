// SPDX-License-Identifier: GPL-2.0-only
//
// The life of a buffer's address: who maps it, accesses it, unmaps it, when it is invalidated, and
// which faults come of it then.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "core/trace_event.h"
#include "lab/graph/timeline.h"

namespace iommulab {

/// The event has no slice.
inline constexpr size_t no_slice = ~size_t{0};

/// One flow a mapping through the DMA API, with its steps that have a slice: the outermost call for
/// the device in which its range was allocated, the device's accesses, the outermost call that
/// unmaps it, the first invalidation behind that which covers it, the device's faults at it. A
/// flow of one step is none.
std::vector<timeline_flow> mapping_flows(absl::Span<const trace_event> events,
                                         absl::Span<const size_t> slice_of);

}  // namespace iommulab
