// SPDX-License-Identifier: GPL-2.0-only
//
// The two sides of what happened after start-up: the capture's trace with its marks, and what our
// run's hardware has seen so far, both without what interrupt remapping adds where the machine had
// it, and with pages called alike.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/hardware_trace.h"
#include "lab/replay/page_names.h"
#include "lab/replay/workload_calls.h"

namespace iommulab::verify {

class workload_sides {
 public:
  /// The folder outlives the sides.
  explicit workload_sides(const capture_folder& folder) : folder_(folder) {}

  /// Reads marks and trace.
  absl::Status read();
  /// `run` has started up, and outlives the sides.
  void set_run(capture_run& run);

  [[nodiscard]] bool has_trace() const { return has_trace_; }
  [[nodiscard]] const std::vector<trace_mark>& marks() const { return marks_; }
  /// The lines of the trace that end at a mark; those of the boot mark begin behind the start-up.
  [[nodiscard]] line_range lines_before_mark(size_t index) const;

  [[nodiscard]] const hardware_trace& captured() const { return captured_; }
  [[nodiscard]] hardware_trace captured(const line_range& lines) const;
  /// All that our hardware saw; an item's line is the event's number.
  [[nodiscard]] hardware_trace ours() const;
  /// The tables as they stand now.
  [[nodiscard]] numbered_lines our_tables() const;
  [[nodiscard]] page_names names(const hardware_trace& trace) const;

 private:
  const capture_folder& folder_;
  bool has_trace_ = false;
  std::vector<trace_mark> marks_;
  hardware_trace captured_;
  size_t start_up_lines_ = 0;
  capture_run* run_ = nullptr;
  size_t start_up_events_ = 0;
};

}  // namespace iommulab::verify
