// SPDX-License-Identifier: GPL-2.0-only
//
// ftrace's function_graph, read: with whatever columns and at whatever places its options put them.
//
// In a line the call stands behind all columns. So what a line says is found from its end: the
// longest ending behind the processor's number or a bar that is a call, a closing brace or a
// comment. Columns before it are the processor, a task, times, flags of the latency format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lab/diff/numbered_line.h"
#include "lab/graph/call_tree.h"

namespace iommulab {

struct recorded_graph {
  /// In the order of the file; a leaf is an entry and an exit.
  std::vector<call_event> events;
  /// Which task each event is of, counted from 0 as they turn up. Where no column and no line of a
  /// task switch says it, the processor stands for it.
  std::vector<uint32_t> tasks;
  size_t loss = 0;  ///< the line that says first that events were lost; 0 where none does
};

/// EINVAL, with file and line, for one that no function graph has. `file` is for the message.
absl::StatusOr<recorded_graph> read_graph(absl::Span<const numbered_line> lines,
                                          std::string_view file);

/// The events task by task: each outermost call with all below it, in the order in which these
/// begin. What returns without having been entered is left out.
std::vector<call_event> by_task(const recorded_graph& graph);

}  // namespace iommulab
