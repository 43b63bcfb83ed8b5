// SPDX-License-Identifier: GPL-2.0-only
//
// All events of a run, and a look at its system behind any of them.
//
// Positions count events: at position p the first p events have been told, and the system is as the
// last of them, event p-1, left it. At position 0 nothing has happened.
//
// Events are recorded as far as they are asked for, by a copy of the run that is ahead. A look is
// through another copy, held at the position; a position behind it takes a new copy (lab/events:
// going back is going again).
//
// Invariants: what was recorded never changes. Every copy tells the same events.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/trace.h"
#include "lab/stepping/repeatable_run.h"

namespace iommulab {

/// No such event.
inline constexpr size_t no_event = ~size_t{0};

class run_history {
 public:
  /// `run` outlives the history. The error of a run that cannot begin.
  static absl::StatusOr<std::unique_ptr<run_history>> of(const repeatable_run& run);
  ~run_history();
  run_history(const run_history&) = delete;
  run_history& operator=(const run_history&) = delete;

  /// Null past the end of the run; valid until further events are recorded.
  [[nodiscard]] const trace_event* event(size_t index);
  /// Records the rest; the number of all events.
  size_t record_all();
  [[nodiscard]] size_t recorded() const { return events_.size(); }
  /// Whether all events are recorded.
  [[nodiscard]] bool complete() const { return complete_; }
  /// How the run ended, once it is complete().
  [[nodiscard]] const absl::Status& status() const { return status_; }

  /// The call that event `index` happened in: the index of its call_enter, no_event outside of all
  /// calls. Of a call_enter the one around it, of a call_exit the call that it ends.
  [[nodiscard]] size_t caller(size_t index);
  /// The call_exit of a call_enter; no_event when it never comes.
  [[nodiscard]] size_t exit_of(size_t enter);
  /// The calls that are open at a position, outermost first.
  [[nodiscard]] std::vector<size_t> stack(size_t position);

  /// The system at a position, which is at most that of the end. Valid until the next look; with
  /// an error when the run cannot be had again.
  absl::StatusOr<live_run*> look(size_t position);
  [[nodiscard]] const repeatable_run& run() const { return run_; }

 private:
  class recorder;
  class glass;

  explicit run_history(const repeatable_run& run);
  /// Whether that event is recorded, after recording on.
  bool reach(size_t index);
  void keep(const trace_event& event);

  const repeatable_run& run_;
  std::vector<trace_event> events_;
  std::vector<size_t> callers_;  ///< by event
  std::vector<size_t> exits_;    ///< by event; of others than call_enter no_event
  std::vector<size_t> open_;     ///< calls, at the end of what is recorded
  bool complete_ = false;
  absl::Status status_;
  std::unique_ptr<recorder> recorder_;
  std::unique_ptr<glass> glass_;
};

}  // namespace iommulab
