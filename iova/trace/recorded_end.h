// SPDX-License-Identifier: GPL-2.0-only
//
// Whether a recorded trace is whole. A trace that was cut between two lines reads like a shorter
// one, so its end must be told by something:
//   - its own last line, "# end ops=5", which counts the operations: recordings that are made here
//     have it, and every reader holds to it;
//   - a file COUNTS in its folder or above it, or in tests/golden/iova or tests/golden/pagetable
//     of the tree that the program was built in, which has a line "4.4/a_seq 33312" for the trace
//     that calls itself "# Linux 4.4 …, trace a_seq".
// Of a trace that has neither nobody knows, and who plays it says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/status.h"
#include "core/text_source.h"

namespace iommulab {

/// "# end ops=5" with its newline: what a recording ends with.
std::string recorded_end_line(size_t operations);

/// EINVAL, naming the file, when its last line does not end: the trace was cut short.
absl::Status check_last_line_ends(const text_source& source);
/// EINVAL when there is no operation, or the last line counts others than there are.
absl::Status check_marked_end(const text_source& source, size_t operations);

/// What tells where a trace ends.
enum class end_told_by : uint8_t { its_last_line, list_of_counts, nothing };
/// The stable name, the enumerator's own.
std::string_view name(end_told_by told);
/// Behind what came of a trace: "", or "; its end is not marked" with what is known.
std::string_view remark(end_told_by told);

/// What a trace's text has on the question.
struct trace_end {
  size_t lines = 0;
  bool is_marked = false;  ///< the last line counts
  std::string title;       ///< "4.4/a_seq" of "# Linux 4.4 iova, trace a_seq"; empty without that
};
trace_end end_of(const text_source& source);

/// Of a trace that was read from the file `name` and is whole as far as it shows. EINVAL when a
/// list of counts says that it had other operations.
absl::StatusOr<end_told_by> check_recorded_end(const std::string& name, const trace_end& end,
                                               size_t operations);

}  // namespace iommulab
