// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "core/trace_event.h"
#include "lab/events/event_words.h"

namespace iommulab {

/// The events as lines, indented by the calls around them as ftrace's function_graph does: a
/// function in which nothing was seen is "name(argument=0x1) -> 0;", another one
/// "name(argument=0x1) {" to "} -> 0". Notes stand in comment marks, as do the lines that only
/// pr_debug() would print; log lines bear their time.
std::vector<std::string> trace_lines(const std::vector<trace_event>& events, event_words& words);

}  // namespace iommulab
