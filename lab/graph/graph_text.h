// SPDX-License-Identifier: GPL-2.0-only
//
// A run's events as ftrace's function_graph prints calls: a function in which nothing was seen is
// "name(argument=0x1); /* ret=0 */", another one "name(argument=0x1) {" to "} /* ret=0 */". What
// the functions do stands between, in comment marks: notes, lines of the log with their time,
// register accesses, table entries, descriptors.
//
// One text in two forms: full, with ftrace's columns for processor and duration, and short, without
// them. Durations are the virtual clock's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/trace_event.h"
#include "lab/events/event_words.h"

namespace iommulab {

struct graph_line {
  size_t event = 0;  ///< what it shows; of a leaf its entry
  size_t depth = 0;  ///< shown calls around it
  std::string text;
  std::optional<uint64_t> duration_ns;  ///< of a leaf and of a closing brace
};

struct graph_form {
  bool values = true;  ///< arguments and results
};

/// The lines of the events whose indices, in their order, are `shown`. `words` hears of all events.
std::vector<graph_line> graph_lines(absl::Span<const trace_event> events,
                                    absl::Span<const size_t> shown, event_words& words,
                                    const graph_form& form = {});

/// " 0)   0.948 us    |  iova_cache_get();"
std::string full_text(const graph_line& line);
/// The same from behind the columns on.
std::string short_text(const graph_line& line);
/// The comment with which such a file begins. `run` says what ran.
std::string graph_head(std::string_view run);

/// All events in the short form.
std::vector<std::string> short_graph(absl::Span<const trace_event> events, event_words& words);

/// One event's text, without indentation: of an entry "f(x=0x1)", of a return "}" and its result.
std::string graph_text_of(const trace_event& event, event_words& words,
                          const graph_form& form = {});

}  // namespace iommulab
