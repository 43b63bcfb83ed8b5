// SPDX-License-Identifier: GPL-2.0-only
//
// Call trees of later kernels, whose recordings have no notes in them: fgraph/boot.txt, and our
// run's.
//
// The recorded names end in what the compiler made of a function (".isra.0", ".part.0"), which is
// taken off; a part of a function right inside it is the function. Functions of other parts of the
// kernel that only pass a call on are taken out: what they call moves up to their caller; interrupt
// remapping goes with all that it calls (later_calls.cc has the lists). Of our run stays what the
// recorder's tracer saw.
//
// Lines are folded: of equal neighbours one is printed, with their number: "f();   /* x3 */".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/trace_event.h"
#include "lab/graph/call_tree.h"
#include "lab/replay/capture_folder.h"

namespace iommulab::verify {

/// A tree of the folder, "fgraph/boot.txt". EINVAL where it does not read, and where the folded
/// form beside it ("fgraph/boot-tree.txt") says something else.
absl::StatusOr<std::vector<call_event>> read_later_calls(const capture_folder& folder,
                                                         std::string_view file);
/// The run's calls of functions that are `traced`, from the recorder's outermost ones on. Where the
/// recording's kernel remapped interrupts its driver found things set up: what ours calls for them
/// is left out.
struct set_up_before {
  bool queue = false;
  bool fault_event = false;
};
std::vector<call_event> later_calls_of_run(absl::Span<const trace_event> events,
                                           const function_names& traced, set_up_before found);
/// Folded.
numbered_lines later_call_lines(absl::Span<const call_event> calls);

/// "dmar_pci_bus_add_dev" of "dmar_pci_bus_add_dev.isra.0".
std::string source_name_of(std::string_view function);

}  // namespace iommulab::verify
