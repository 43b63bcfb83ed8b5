// SPDX-License-Identifier: GPL-2.0-only
//
// The unmap timer in a tree of calls. It can interrupt any function, and its moment is an input.
#pragma once

#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "lab/graph/call_tree.h"

namespace iommulab {

inline constexpr std::string_view unmap_timer_call = "flush_unmaps_timeout";

/// The tree with the unmap timer's calls beside the ones that they interrupted. The one that
/// domain_exit() makes itself stays where it is.
std::vector<call_event> timers_apart(absl::Span<const call_event> events);

}  // namespace iommulab
