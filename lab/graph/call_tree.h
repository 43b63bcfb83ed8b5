// SPDX-License-Identifier: GPL-2.0-only
//
// Calls and the notes between them, of a recorded function graph or of a run: what both have in
// common, and lines in which they are alike.
//
// A note belongs to the innermost open call. Where a call is taken out, what it called and its
// notes move up to its caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "core/trace_event.h"
#include "lab/diff/numbered_line.h"

namespace iommulab {

struct call_event {
  enum class kind : uint8_t { enter, exit, note };
  kind what = kind::note;
  size_t line = 0;   ///< of the file; of a run, the event's number from 1
  std::string text;  ///< the function's name, or the note without its comment marks
};

using function_names = absl::flat_hash_set<std::string>;
using name_test = absl::FunctionRef<bool(const std::string&)>;

/// The calls and notes among `events`.
std::vector<call_event> calls_of_run(absl::Span<const trace_event> events);

/// One past the call that begins at `begin`; `begin` itself when none does.
size_t end_of_call(absl::Span<const call_event> events, size_t begin);

/// Only calls of the functions, and only the notes, that are wanted.
std::vector<call_event> keep_calls(absl::Span<const call_event> events, name_test function,
                                   name_test note);

/// Only outermost calls of the wanted functions, with all below them. One that is left open at the
/// end is closed.
std::vector<call_event> keep_trees(absl::Span<const call_event> events, name_test root);

/// Only calls of the wanted functions wherever they are, with all below them.
std::vector<call_event> keep_subtrees(absl::Span<const call_event> events, name_test root);

/// Whether the recorded 4.4 prints such a note, by its first word: "reserve_iova lo=0xfee00 …".
bool is_printed_note(const std::string& text);
/// Whether a start-up's calls, as a tracer sees them, begin with this one.
bool is_start_up_call(const std::string& function);

/// As ftrace writes them, two blanks a level: "f();" for a leaf, "f() {" and "}" around anything
/// else, "/* note */".
numbered_lines call_lines(absl::Span<const call_event> events);

}  // namespace iommulab
