// SPDX-License-Identifier: GPL-2.0-or-later
//
// Records a run's events and stops the run behind a function.
//
// A function's return is seen in a destructor, where nothing can be thrown. So recording ends
// there, and the run itself at the driver's next step that begins something: the next function
// entered, the next register access or the next table entry. A register write is announced before
// it is done and a read changes nothing, so the registers are left as the function left them; an
// entry is announced when it is written, so the tables may be one entry ahead.
//
// A function that an exception leaves (the kernel's panic) has not returned.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/trace.h"

namespace iommulab {

/// Thrown through the kernel by boot_sink; caught by whoever started the run.
struct boot_stopped {};

struct timed_event {
  uint64_t time_ns = 0;
  trace_event event;
};

class boot_sink final : public trace_sink {
 public:
  /// Keeps events of `keep`; stops behind the first return of `until`, when that names a function.
  boot_sink(trace_class keep, std::string until) : keep_(keep), until_(std::move(until)) {}

  /// Where event times come from; outlives the sink's use. Time 0 without one.
  void set_clock(const virtual_clock* clock) { clock_ = clock; }

  void on_event(const trace_event& event) override;

  [[nodiscard]] const std::vector<timed_event>& events() const { return events_; }
  [[nodiscard]] const std::string& until() const { return until_; }
  /// Whether `until` was entered, and whether it returned.
  [[nodiscard]] bool entered() const { return entered_; }
  [[nodiscard]] bool returned() const { return returned_; }
  /// Log lines printed before the stop.
  [[nodiscard]] size_t log_lines() const { return log_lines_; }

 private:
  trace_class keep_;
  std::string until_;
  const virtual_clock* clock_ = nullptr;
  std::vector<timed_event> events_;
  size_t log_lines_ = 0;
  bool entered_ = false;
  bool returned_ = false;
  bool thrown_ = false;
};

}  // namespace iommulab
