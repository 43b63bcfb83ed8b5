// SPDX-License-Identifier: GPL-2.0-only
#include "lab/stepping/moves.h"

#include <algorithm>

namespace iommulab {
namespace {

/// The nearest position at or before `position` whose current event is shown, or the beginning.
std::optional<size_t> shown_at_or_before(run_history& history, size_t position,
                                         const event_test& shown) {
  while (position > 0 && !shown(*history.event(position - 1))) --position;
  if (position == 0) return std::nullopt;
  return position;
}

/// Whether a reader sees one more of the same: the same function called, the same kind of effect.
bool alike(const trace_event& a, const trace_event& b) {
  const bool calls = !a.function().empty() && !b.function().empty();
  return calls ? a.function() == b.function() : a.kind() == b.kind();
}

}  // namespace

std::optional<size_t> step_from(run_history& history, size_t position, const event_test& shown) {
  const auto found = find_event(history, position, shown);
  if (!found) return std::nullopt;
  return *found + 1;
}

std::optional<size_t> next_from(run_history& history, size_t position, const event_test& shown) {
  while (const trace_event* event = history.event(position)) {
    size_t last = position;
    if (event->kind() == trace_kind::call_enter) {
      last = history.exit_of(position);
      if (last == no_event) return std::nullopt;
    }
    position = last + 1;
    if (shown(*history.event(last))) return position;
  }
  return std::nullopt;
}

std::optional<size_t> until_from(run_history& history, size_t position, const event_test& shown) {
  const trace_event* here = position == 0 ? nullptr : history.event(position - 1);
  if (here == nullptr) return next_from(history, position, shown);
  const trace_event passed = *here;  // recording on moves events
  std::optional<size_t> there = next_from(history, position, shown);
  while (there && alike(passed, *history.event(*there - 1))) {
    there = next_from(history, *there, shown);
  }
  return there;
}

std::optional<size_t> finish_of(run_history& history, size_t enter) {
  const size_t exit = history.exit_of(enter);
  if (exit == no_event) return std::nullopt;
  return exit + 1;
}

std::optional<size_t> step_back_from(run_history& history, size_t position,
                                     const event_test& shown) {
  if (position == 0) return std::nullopt;
  return shown_at_or_before(history, position - 1, shown);
}

std::optional<size_t> next_back_from(run_history& history, size_t position,
                                     const event_test& shown) {
  if (position == 0) return std::nullopt;
  const bool returned = history.event(position - 1)->kind() == trace_kind::call_exit;
  const size_t call = returned ? history.caller(position - 1) : no_event;
  return shown_at_or_before(history, call == no_event ? position - 1 : call, shown);
}

std::optional<size_t> find_event(run_history& history, size_t from, const event_test& wanted) {
  for (; const trace_event* event = history.event(from); ++from) {
    if (wanted(*event)) return from;
  }
  return std::nullopt;
}

std::optional<size_t> find_event_back(run_history& history, size_t before, const event_test& wanted,
                                      size_t from) {
  before = std::min(before, history.recorded());
  while (before > from) {
    --before;
    if (wanted(*history.event(before))) return before;
  }
  return std::nullopt;
}

}  // namespace iommulab
