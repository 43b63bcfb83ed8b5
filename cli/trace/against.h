// SPDX-License-Identifier: GPL-2.0-only
//
// --against: a run beside a function graph that a real kernel's tracer wrote.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/trace/run_recording.h"
#include "lab/graph/graph_comparison.h"

namespace iommulab {

/// A recorded function graph, plain or .xz.
struct graph_file {
  std::string path;
  recorded_graph graph;
  /// What its tracer saw, when it lies in a capture that says so.
  std::optional<function_names> traced;
};
absl::StatusOr<graph_file> read_graph_file(const std::string& path);

/// A unified diff where they differ, what was compared, and what was left out on either side.
std::string comparison_to_text(const graph_comparison& comparison, const graph_file& file,
                               const std::string& run);

}  // namespace iommulab
