// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "absl/types/span.h"
#include "cli/output/json.h"
#include "core/trace_event.h"
#include "lab/events/event_words.h"

namespace iommulab {

/// {"kind", "seq", "time_ns", "depth"}, what an event of its kind has, and what it means in words.
json event_json(const trace_event& event, event_words& words);
json events_json(absl::Span<const trace_event> events, event_words& words);

}  // namespace iommulab
