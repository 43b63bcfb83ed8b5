// SPDX-License-Identifier: GPL-2.0-only
//
// A run whose structures are told behind each of its events: those that the event may have changed.
//
// To ask for everything behind everything is what `thorough` does. Else an event names the kinds of
// structures that it, and what the kernel does until the next event, can change
// (state_watch.cc: `touched`); a test holds both ways against each other. While many pages are
// mapped in large tables, entry by entry, nothing is asked: what the entries changed is told behind
// the last of them, and once in some thousand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/structure.h"
#include "core/trace_event.h"
#include "lab/stepping/repeatable_run.h"
#include "lab/structures/structure_change.h"

namespace iommulab {

/// What an event may have changed.
struct told_state {
  std::vector<structure_section> sections{};  ///< of the kinds that it may have, whole
  std::vector<structure_changes> changes{};   ///< of a run that keeps account, instead of sections
  bool put_off = false;  ///< nothing is told: what it changed is told behind a later event
};

class state_listener {
 public:
  virtual ~state_listener() = default;

  /// Before the first event: sections of all kinds, none of a run that has no system yet. `source`
  /// may be asked for more, now and at any event.
  virtual void begin(structure_source& source, std::vector<structure_section> all) = 0;
  /// Behind an event, as it is now.
  virtual void on_event(const trace_event& event, told_state state) = 0;
};

enum class state_care : uint8_t { touched_kinds, thorough };

/// The run, whole, on this thread. An error: it could not begin; else how it ended.
absl::StatusOr<absl::Status> watch_states(const repeatable_run& run, state_listener& listener,
                                          state_care care = state_care::touched_kinds);

}  // namespace iommulab
