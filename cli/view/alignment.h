// SPDX-License-Identifier: GPL-2.0-only
//
// Which events of two runs are the same step: by what they are, not by their addresses and values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/output/json.h"
#include "core/trace_event.h"

namespace iommulab::view {

/// What an event is: of a call and its return the function, of anything else its line of the trace
/// without its hexadecimal numbers.
std::string step_of(const trace_event& event, std::string_view line);

/// Rows of events that are the same steps in both runs, as few marks as can be left out between
/// them: [[first in the left run, first in the right one, how many], …], counted from 1.
json alignment_of(const std::vector<std::string>& left, const std::vector<std::string>& right);

}  // namespace iommulab::view
