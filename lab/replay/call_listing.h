// SPDX-License-Identifier: GPL-2.0-only
//
// The call tree of the start-up: out of a capture's ftrace function graph, and out of the call
// events of a run.
//
// Compared are the top-level calls iommu_init, iommu_dev_init and intel_iommu_init with all below
// them. The tracer of the captures began with the initcalls, after the firmware table had been
// parsed, so what comes before has no counterpart; what comes after belongs to drivers.
//
// A tracer sees only some functions: the names it saw at all are listed beside the captures
// (traced-functions.txt), and inlined ones are on no list. A call of any other name is taken out
// of ours: what it called moves up to its caller, and so do its notes. The captures' kernel
// printed notes at a fixed set of places; ours counts only when its first word is one of those.
// The text of a note is the kernel's: "reserve_iova lo=0xfee00 hi=0xfeeff".
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/trace.h"
#include "lab/graph/call_tree.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/page_names.h"

namespace iommulab::verify {

/// The function graph FILE ("fgraph-boot.txt") as events, all of it: a leaf becomes an entry and
/// an exit, task switches are left out. EINVAL for a line that is none of these.
absl::StatusOr<std::vector<call_event>> read_call_graph(const capture_folder& folder,
                                                        std::string_view file);

/// traced-functions.txt (or .txt.xz), looked for beside the capture and in every folder above it,
/// then below $IOMMULAB_GOLDEN, and in tests/golden of the tree that the program was built in or of
/// the current folder. ENOENT when it is in none of these.
absl::StatusOr<function_names> read_traced_functions(const capture_folder& folder);

/// The events up to the return of intel_iommu_init(), for a run that went on after it; all of
/// them when it was not called.
absl::Span<const trace_event> start_up_part(absl::Span<const trace_event> events);

/// Only calls whose name is in `traced`, and only notes that the captures' kernel prints.
std::vector<call_event> keep_traced(absl::Span<const call_event> events,
                                    const function_names& traced);

/// Only the start-up's top-level calls and what is below them. A call that is left open by a
/// capture that ends early is closed.
std::vector<call_event> keep_start_up(absl::Span<const call_event> events);

/// Rendered as ftrace does, two blanks a level: "f();" for a leaf, "f() {" and "}" around
/// anything else, "/* note */". Page addresses in notes become names.
numbered_lines call_lines(absl::Span<const call_event> events, page_names names);

}  // namespace iommulab::verify
