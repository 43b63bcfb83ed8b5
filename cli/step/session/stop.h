// SPDX-License-Identifier: GPL-2.0-only
//
// What a run stops at: breakpoints, which wait for an event, and watchpoints, which wait for one or
// for a value to become another.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/stepping/moves.h"
#include "lab/stepping/value_history.h"

namespace iommulab::step {

enum class stop_kind : uint8_t { breakpoint, watchpoint, read_watchpoint, access_watchpoint };
std::string_view name(stop_kind kind);  ///< "Breakpoint", as a sentence begins

struct stop {
  int number = 0;
  stop_kind kind = stop_kind::breakpoint;
  std::string what;      ///< as it was typed: "alloc_iova if size==0x1", "reg GSTS.TES"
  std::string function;  ///< that it stops in, or empty
  event_test waits_for;  ///< empty when it waits for a value
  value_look looks_at;   ///< empty when it waits for an event
  bool temporary = false;
  bool enabled = true;
  size_t ignore = 0;  ///< times that it is yet to be passed over
  size_t hits = 0;
};

/// A stop that is due at an event, and what the value became there.
struct due_stop {
  stop* what = nullptr;
  std::optional<value_change> change;
};
/// All that are due at one event.
struct hit {
  size_t event = 0;
  std::vector<due_stop> due;
};

/// The first event at or behind index `from` and before `end` at which a stop of the list is due
/// that is enabled.
absl::StatusOr<std::optional<hit>> next_hit(run_history& history, std::vector<stop>& stops,
                                            size_t from, size_t end);
/// The last one before index `end`, and not before `from`.
absl::StatusOr<std::optional<hit>> previous_hit(run_history& history, std::vector<stop>& stops,
                                                size_t from, size_t end);

}  // namespace iommulab::step
