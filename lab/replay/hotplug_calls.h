// SPDX-License-Identifier: GPL-2.0-only
//
// What drivers did while devices were taken away and brought back: fgraph-lab.txt, step by step.
// Behind each step the recorder read domains_used in sysfs, and the call with which the kernel
// answers, intel_iommu_show_ndoms_used, ends the step in the tree.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/hotplug_steps.h"
#include "lab/replay/notified_calls.h"
#include "lab/replay/workload_calls.h"

namespace iommulab::verify {

inline constexpr std::string_view hotplug_graph = lab_calls_file;

/// The parts of a tree that belong to the steps, `count` of them: each ends with the reading, the
/// last with the tree. Empty when there are not as many.
std::vector<absl::Span<const call_event>> parts_of_steps(absl::Span<const call_event> tree,
                                                         size_t count);

struct hotplug_calls {
  std::vector<call_event> tree;         ///< of all steps
  std::vector<notified_calls> steps;    ///< what is to be played in each
  std::vector<page_block> used_blocks;  ///< coherent memory that is the capture's own
};

/// `marks` names each step's mark: the one that follows it. `calls` has the graph. Errors are those
/// of the files.
absl::StatusOr<hotplug_calls> read_hotplug_calls(const workload_calls& calls,
                                                 absl::Span<const std::string_view> marks);

}  // namespace iommulab::verify
