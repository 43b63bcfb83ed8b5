// SPDX-License-Identifier: GPL-2.0-only
//
// A run on tracks side by side: the calls, what the kernel keeps and says, each unit, each unit's
// queue, each device. A call is a slice from its entry to its return; any other event is a slice
// that is as long as one event. Flows lead from the mapping of a buffer to its accesses, its
// unmapping, the invalidation that makes it unreachable, and faults behind that.
//
// Invariants: of two slices of a track one lies in the other or they do not meet; slices stand in
// the order in which they begin, and no two begin at once. The steps of a flow stand on slices, and
// each begins later than the one before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/trace_event.h"
#include "lab/events/event_words.h"

namespace iommulab {

enum class timeline_clock : uint8_t {
  events,        ///< a microsecond an event
  virtual_time,  ///< the run's own clock; events of one moment are a nanosecond apart
};

struct timeline_track {
  std::string group;  ///< "kernel", "units", "queues", "devices"
  std::string name;   ///< "calls", "dmar0", "0000:00:05.0"
};

struct timeline_slice {
  size_t track = 0;
  size_t event = 0;  ///< of a call its entry
  size_t exit = 0;   ///< of a call its return; `event` where there is none
  uint64_t begin_ns = 0;
  uint64_t end_ns = 0;
  std::string name;
};

struct timeline_flow {
  std::string name;            ///< "00:05.0 0xfffff000-0xffffffff"
  std::vector<size_t> slices;  ///< two at least
};

struct timeline {
  std::vector<timeline_track> tracks;
  std::vector<timeline_slice> slices;
  std::vector<timeline_flow> flows;
};

/// Of the events whose indices are `shown`. `words` hears of all events.
timeline timeline_of(absl::Span<const trace_event> events, absl::Span<const size_t> shown,
                     event_words& words, timeline_clock clock);

}  // namespace iommulab
