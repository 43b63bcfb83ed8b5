// SPDX-License-Identifier: GPL-2.0-only
//
// Somebody who goes back and forth in a run: the position, what it stops at, what is shown at every
// stop. The commands (cli/step/commands) are what is done with it.
//
// An event's number counts from 1, so event N is the current one at position N; at position 0
// nothing has happened.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/step/session/event_lines.h"
#include "cli/step/session/stop.h"
#include "core/trace_class.h"
#include "lab/stepping/run_history.h"

namespace iommulab::step {

/// An expression that is printed at every stop.
struct display {
  int number = 0;
  std::string expression;
};

/// Where a move ended.
enum class arrival : uint8_t {
  there,    ///< where it was to end
  stopped,  ///< before that, as something was due
  ended,    ///< the run has no more events in this direction
};

class stepper {
 public:
  /// `run` and `out` outlive the object. The error of a run that cannot begin.
  static absl::StatusOr<std::unique_ptr<stepper>> begin(const repeatable_run& run,
                                                        std::ostream& out);

  run_history& history() { return *history_; }
  [[nodiscard]] size_t position() const { return position_; }
  std::ostream& out() { return out_; }
  /// The event that was told last, null at the beginning.
  const trace_event* current() { return position_ == 0 ? nullptr : history_->event(position_ - 1); }

  // --- going. What stopped a move on its way is told at once, where it led to by report() ---

  /// Forward to a position, or to the end without one.
  absl::StatusOr<arrival> go_forward(std::optional<size_t> target);
  /// Back to a position, or to the beginning without one.
  absl::StatusOr<arrival> go_back(std::optional<size_t> target);
  /// There, whatever is on the way.
  void go_to(size_t position);
  /// Prints where it is: the function when it is another than before, the event, what is displayed.
  void report();
  /// The same behind a move; the end and the beginning of the run are told.
  void report(arrival how);

  // --- what it stops at ---

  std::vector<stop>& stops() { return stops_; }
  /// Gives it a number and tells of it.
  void add_stop(stop made);
  /// Null when there is none of that number.
  stop* stop_of(int number);
  /// The one that made it stop last, null when none did or it is gone.
  stop* last_stop() { return stop_of(stopped_by_); }
  /// Which events step, next and their reverses stop at.
  [[nodiscard]] event_test shown() const;
  void show_only(trace_class classes) { shown_ = classes; }
  [[nodiscard]] trace_class shown_classes() const { return shown_; }

  // --- what is looked at ---

  std::vector<display>& displays() { return displays_; }
  /// With the number that it gets.
  display& add_display(std::string expression);
  void show(const display& each);

  /// The open calls, innermost first, by the index of their call_enter.
  std::vector<size_t> frames();
  [[nodiscard]] size_t selected() const { return selected_; }
  void select(size_t frame) { selected_ = frame; }
  /// "#1  init_dmars () at event 300"
  std::string frame_text(size_t frame, size_t enter);
  event_lines& lines() { return lines_; }

  /// Where `origin` led to last: asked there again it goes on from before.
  struct asked_origin {
    std::string expression;
    size_t position = 0;
  };
  std::optional<asked_origin> origin;
  /// How much of a function `list` has shown.
  struct listed_lines {
    std::string function;
    size_t lines = 0;
  };
  listed_lines listed;
  bool quit = false;

 private:
  stepper(std::unique_ptr<run_history> history, std::ostream& out)
      : history_(std::move(history)), out_(out), lines_(*history_) {}

  std::optional<size_t> innermost();
  std::string here();
  void tell_of_place();
  /// Whether one of these makes it stop; counts them.
  bool stops_at(const hit& found);
  void tell_of(const hit& found);
  void forget_temporary(const hit& found);
  void arrive(size_t position);

  std::unique_ptr<run_history> history_;
  std::ostream& out_;
  event_lines lines_;
  size_t position_ = 0;
  size_t selected_ = 0;
  std::optional<size_t> reported_call_;  ///< the innermost call at the last report
  std::vector<stop> stops_;
  int stops_made_ = 0;
  int stopped_by_ = 0;
  std::vector<display> displays_;
  int displays_made_ = 0;
  trace_class shown_ = trace_class::all;
};

}  // namespace iommulab::step
