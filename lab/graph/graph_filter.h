// SPDX-License-Identifier: GPL-2.0-only
//
// Which events of a run are shown: the filters that trace-cmd has for function_graph, by the same
// names, and those for effects, devices and addresses.
//
// Calls are chosen as ftrace does: by function, by pattern, by depth among the chosen. What a
// function does that is not shown belongs to the innermost shown call around it. With a choice of
// functions, what happens outside of all of them is left out. With a device or addresses only
// events about these are shown, with the calls around them; a call that is about them with all that
// it does.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/trace_event.h"
#include "core/types.h"
#include "lab/events/event_words.h"
#include "lab/graph/event_subject.h"

namespace iommulab {

struct graph_filter {
  std::vector<std::string> subtrees;   ///< functions, as patterns; none: everything
  std::vector<std::string> functions;  ///< patterns; none: every function
  size_t max_depth = SIZE_MAX;         ///< how many shown calls may be in one another
  trace_class effects = trace_class::all;
  bool notes = true;  ///< lines that recorded kernels print
  std::optional<source_id> device;
  std::optional<address_range> addresses;
};

/// Indices of what is shown, in order: with each entry its return, where there is one. `words`
/// hears of all events.
std::vector<size_t> chosen_events(absl::Span<const trace_event> events, const graph_filter& filter,
                                  event_words& words);

/// Whether the name fits one of the patterns, of which `*`, `?` and `[…]` are those of a shell.
bool fits_any(const std::string& name, const std::vector<std::string>& patterns);

}  // namespace iommulab
