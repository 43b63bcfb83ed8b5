// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/workload_sides.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "lab/replay/capture_files.h"
#include "lab/replay/interrupt_remapping.h"
#include "lab/replay/table_dump.h"

namespace iommulab::verify {

absl::Status workload_sides::read() {
  auto marks = read_marks(folder_);
  if (!marks.ok()) return marks.status();
  marks_ = *std::move(marks);
  has_trace_ = folder_.has(trace_file);
  if (!has_trace_) return absl::OkStatus();
  const auto start_up = read_start_up_trace(folder_);
  if (!start_up.ok()) return start_up.status();
  start_up_lines_ = start_up->last_line;
  auto whole = read_trace_lines(folder_, 1, SIZE_MAX);
  if (!whole.ok()) return whole.status();
  captured_ = *std::move(whole);
  return absl::OkStatus();
}

void workload_sides::set_run(capture_run& run) {
  run_ = &run;
  start_up_events_ = run.recorder.events().size();
  if (run.result.interrupt_remapping) {
    captured_ = without_interrupt_remapping(captured_, start_up_lines_);
  }
}

line_range workload_sides::lines_before_mark(size_t index) const {
  const size_t before = index == 0 ? start_up_lines_ : marks_[index - 1].line;
  return {before + 1, marks_[index].line};
}

hardware_trace workload_sides::captured(const line_range& lines) const {
  return part_of(captured_, lines.first, lines.last);
}

hardware_trace workload_sides::ours() const {
  hardware_trace trace = trace_of_run(run_->recorder.events(), {});
  if (!run_->result.interrupt_remapping) return trace;
  return without_interrupt_remapping(trace, start_up_events_);
}

numbered_lines workload_sides::our_tables() const {
  std::optional<uint64_t> root;
  for (const auto& unit : run_->system->units()) {
    if (const auto latched = latched_root_table(*unit)) root = latched->value();
  }
  return table_lines(memory_tables(run_->system->memory()), root, names(ours()));
}

page_names workload_sides::names(const hardware_trace& trace) const {
  if (folder_.has_recorded_calls() && run_->result.pages_replayed) return page_names::exact();
  // Without the capture's trace nobody knows which of its pages are which.
  if (!has_trace_) return page_names::by_appearance({});
  return page_names::by_appearance(roles_of(trace));
}

}  // namespace iommulab::verify
