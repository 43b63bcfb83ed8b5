// SPDX-License-Identifier: GPL-2.0-only
#include "cli/step/session/stop.h"

#include <algorithm>

#include "core/enum_names.h"

namespace iommulab::step {
namespace {

bool waits(const stop& s) {
  return s.enabled && s.waits_for != nullptr;
}
bool looks(const stop& s) {
  return s.enabled && s.looks_at != nullptr;
}

bool any_waits(const std::vector<stop>& stops) {
  return std::any_of(stops.begin(), stops.end(), waits);
}

/// The test of an event: whether any stop that waits for events takes it.
event_test any_of(const std::vector<stop>& stops) {
  return [&stops](const trace_event& event) {
    return std::any_of(stops.begin(), stops.end(),
                       [&](const stop& s) { return waits(s) && s.waits_for(event); });
  };
}

/// Those that wait for events and are due at this one.
hit hit_at(run_history& history, std::vector<stop>& stops, size_t event) {
  hit found{event, {}};
  for (stop& each : stops) {
    if (waits(each) && each.waits_for(*history.event(event))) found.due.push_back({&each, {}});
  }
  return found;
}

/// Of two hits the one that a reader comes to first; both when it is the same event.
void take_first(std::optional<hit>& best, hit other, bool forward) {
  if (best && best->event == other.event) {
    best->due.insert(best->due.end(), other.due.begin(), other.due.end());
    return;
  }
  if (!best || (other.event < best->event) == forward) best = std::move(other);
}

void in_order_of_numbers(std::optional<hit>& found) {
  if (!found) return;
  std::sort(found->due.begin(), found->due.end(),
            [](const due_stop& a, const due_stop& b) { return a.what->number < b.what->number; });
}

}  // namespace

std::string_view name(stop_kind kind) {
  static constexpr auto names = enum_names<stop_kind>({
      {stop_kind::breakpoint, "Breakpoint"},
      {stop_kind::watchpoint, "Watchpoint"},
      {stop_kind::read_watchpoint, "Read watchpoint"},
      {stop_kind::access_watchpoint, "Access watchpoint"},
  });
  return names(kind);
}

absl::StatusOr<std::optional<hit>> next_hit(run_history& history, std::vector<stop>& stops,
                                            size_t from, size_t end) {
  std::optional<hit> best;
  const auto wanted = any_of(stops);
  const size_t last = any_waits(stops) ? end : from;
  for (size_t i = from; i < last && !best; ++i) {
    const trace_event* event = history.event(i);
    if (event == nullptr) break;
    if (wanted(*event)) best = hit_at(history, stops, i);
  }
  for (stop& each : stops) {
    if (!looks(each)) continue;
    const size_t until = best ? best->event + 1 : end;
    const auto change = first_change(history.run(), each.looks_at, from, until);
    if (!change.ok()) return change.status();
    if (*change) take_first(best, {(*change)->event, {{&each, **change}}}, /*forward=*/true);
  }
  in_order_of_numbers(best);
  return best;
}

absl::StatusOr<std::optional<hit>> previous_hit(run_history& history, std::vector<stop>& stops,
                                                size_t from, size_t end) {
  std::optional<hit> best;
  if (any_waits(stops)) {
    const auto event = find_event_back(history, end, any_of(stops), from);
    if (event) best = hit_at(history, stops, *event);
  }
  for (stop& each : stops) {
    if (!looks(each)) continue;
    const auto change = last_change(history.run(), each.looks_at, end);
    if (!change.ok()) return change.status();
    if (!*change || (*change)->event < (best ? best->event : from)) continue;
    take_first(best, {(*change)->event, {{&each, **change}}}, /*forward=*/false);
  }
  in_order_of_numbers(best);
  return best;
}

}  // namespace iommulab::step
