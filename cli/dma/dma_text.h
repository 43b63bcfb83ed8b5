// SPDX-License-Identifier: GPL-2.0-only
//
// Outcomes of operations for a terminal.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/trace_event.h"
#include "kernel/kernel.h"
#include "lab/replay/known_differences.h"
#include "lab/replay/overwritten_memory.h"
#include "lab/runs/script_run.h"
#include "lab/script/session.h"

namespace iommulab::dmalab {

/// The operation's line in the form of the recordings, and what the log said below it.
std::string outcome_text(kernel& system, const outcome& o);

/// Remarks below it, for a reader: what a number in the result means, what a device got. Without
/// the "# " in front.
std::vector<std::string> outcome_remarks(const done_operation& done);

/// What the kernel said in the operation, a line each, as it prints them.
std::vector<std::string> log_of(kernel& system, const outcome& o);
/// What the log said behind the last operation.
std::string log_behind(kernel& system, const std::vector<outcome>& outcomes);

/// What differs from the recording: result, unmaps that wait, timer, log. Nothing when nothing
/// does, or when nothing was recorded.
std::optional<std::string> difference_text(kernel& system, const outcome& o);

/// The entry of the list of known differences for the operation, or null. `events` are the
/// operation's, diagnoses among them.
const verify::known_operation_difference* known_difference_of(kernel& system, const outcome& o,
                                                              absl::Span<const trace_event> events);

/// What 4.4 overwrote in an operation that differs as is known; nothing where it died.
void add_overwritten(kernel& system, const outcome& o, verify::overwritten_memory& memory);

/// The state around an operation: what waits for a flush, and where the addresses in its results
/// lead for its device, entry by entry.
std::string state_text(kernel& system, const script& from, const outcome& o);

}  // namespace iommulab::dmalab
