// SPDX-License-Identifier: GPL-2.0-only
//
// The calls of a recorded client, operation by operation: fgraph.txt of a folder "X.calls", and our
// run's. Compared is which function calls which, in which order; arguments are kernel addresses and
// are not.
//
// Of the recording stays what the client's own task did: what other tasks did meanwhile, deferred
// work and interrupts, may stand anywhere. Of our run stays what the recorder's tracer could see.
// client_calls.cc has the lists of what is taken out of either, and why.
#pragma once

#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/trace_event.h"
#include "lab/graph/call_tree.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/stops/client_recording.h"

namespace iommulab::verify {

inline constexpr const char* client_graph_file = "fgraph.txt";

/// By the operation's number. Each operation of the recording has its mark where it begins, in
/// order, and one where it ends, but for `sysfs`, which has none there. EINVAL, naming file and
/// line, where the file does not read or a mark is missing or another.
absl::StatusOr<std::map<unsigned, std::vector<call_event>>> read_client_calls(
    const capture_folder& folder, absl::Span<const client_operation> operations);
/// The calls among the events of one operation.
std::vector<call_event> client_calls_of_run(absl::Span<const trace_event> events,
                                            const function_names& traced);

}  // namespace iommulab::verify
