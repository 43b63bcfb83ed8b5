// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/trace_event.h"
#include "lab/events/event_words.h"
#include "lab/graph/timeline.h"

namespace iommulab {

/// What the run is called, and what is assumed of its machine.
struct told_run {
  std::string title;
  std::vector<std::string> assumed;
};

/// Trace-event JSON, as ui.perfetto.dev opens it: a process a group of tracks, a thread a track, a
/// complete event a slice, and for each flow a start, steps and an end. Times are microseconds.
/// `words` have heard of the events up to the first.
std::string perfetto_json(const timeline& line, absl::Span<const trace_event> events,
                          event_words& words, const told_run& run);

}  // namespace iommulab
