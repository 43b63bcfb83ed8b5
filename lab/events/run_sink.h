// SPDX-License-Identifier: GPL-2.0-only
//
// Records a run's events and holds the run at the return of a function: nothing has happened since.
//
// A function that an exception leaves (the kernel's panic) has not returned.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/trace.h"
#include "lab/events/held_run.h"

namespace iommulab {

class run_sink final : public trace_sink {
 public:
  /// Keeps events of `keep`; holds at the first return of `until`, when that names a function.
  run_sink(trace_class keep, std::string until) : keep_(keep), until_(std::move(until)) {}

  /// The run to hold, which outlives the sink's use.
  void set_run(held_run& run) { run_ = &run; }
  /// What it has to be told of.
  [[nodiscard]] trace_class classes() const {
    return until_.empty() ? keep_ : keep_ | trace_class::calls;
  }

  void on_event(const trace_event& event) override;

  [[nodiscard]] const std::vector<trace_event>& events() const { return events_; }
  [[nodiscard]] const std::string& until() const { return until_; }
  /// Whether `until` was entered, and whether it returned.
  [[nodiscard]] bool entered() const { return entered_; }
  [[nodiscard]] bool returned() const { return returned_; }

 private:
  trace_class keep_;
  std::string until_;
  held_run* run_ = nullptr;
  std::vector<trace_event> events_;
  bool entered_ = false;
  bool returned_ = false;
};

}  // namespace iommulab
