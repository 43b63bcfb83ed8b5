// SPDX-License-Identifier: GPL-2.0-only
//
// Where in a run a recorded stretch of it lies.
#pragma once

#include <vector>

#include "absl/types/span.h"
#include "lab/graph/call_tree.h"

namespace iommulab {

/// A run, cut in three between outermost calls.
struct tree_window {
  std::vector<call_event> before;
  std::vector<call_event> inside;
  std::vector<call_event> behind;
};

/// `inside` is as many outermost calls of the run as the stretch has, where most of them are the
/// same call by call; where none is, the whole run is inside. A call or two that one side alone has
/// do not matter.
tree_window find_window(absl::Span<const call_event> stretch, absl::Span<const call_event> run);

}  // namespace iommulab
