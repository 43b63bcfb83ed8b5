// SPDX-License-Identifier: GPL-2.0-only
//
// Where a reader of a run goes from a position: gdb's steps, forward and backward. What is no call
// is a line of the function that it happens in.
//
// Every function returns a position, or nothing when the run has none further: then forward moves
// lead to its end, backward ones to its beginning. `shown` says which events a reader stops at.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "core/trace_event.h"
#include "lab/stepping/run_history.h"

namespace iommulab {

using event_test = std::function<bool(const trace_event&)>;

/// Behind the next event.
std::optional<size_t> step_from(run_history& history, size_t position, const event_test& shown);
/// Behind the next event of the same function or of one around it; a call is passed as a whole.
std::optional<size_t> next_from(run_history& history, size_t position, const event_test& shown);
/// As next, on past events of the same kind as the current one: calls of one function after
/// another, writes of one table entry after another.
std::optional<size_t> until_from(run_history& history, size_t position, const event_test& shown);
/// Behind the return of the call whose call_enter is `enter`; nothing when it never returns.
std::optional<size_t> finish_of(run_history& history, size_t enter);

/// Behind the event before the current one.
std::optional<size_t> step_back_from(run_history& history, size_t position,
                                     const event_test& shown);
/// The same; a call that has just returned is undone as a whole.
std::optional<size_t> next_back_from(run_history& history, size_t position,
                                     const event_test& shown);

/// The first event at or behind index `from` that `wanted` takes.
std::optional<size_t> find_event(run_history& history, size_t from, const event_test& wanted);
/// The last one before index `before`, and not before `from`.
std::optional<size_t> find_event_back(run_history& history, size_t before, const event_test& wanted,
                                      size_t from = 0);

}  // namespace iommulab
