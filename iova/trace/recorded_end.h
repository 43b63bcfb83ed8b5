// SPDX-License-Identifier: GPL-2.0-only
//
// Whether a recorded trace is whole. A trace that was cut between two lines reads like a shorter
// one, so its end must be told by something:
//   - its own last line, "# end ops=5", which counts the operations;
//   - a file COUNTS in its folder or above it, or in tests/golden/iova or tests/golden/pagetable
//     of the tree that the program was built in, which has a line "4.4/a_seq 33312" for the trace
//     that calls itself "# Linux 4.4 …, trace a_seq";
//   - at least the operation with which recordings end, which asks for the state as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace iommulab {

/// What was read of a recording.
struct recording_read {
  std::string path;             ///< of the file, as it was named
  size_t operations = 0;        ///< a dump counts as one
  bool asks_for_whole = false;  ///< the last operation asks for the whole state
  std::string whole;            ///< the operations that do, for messages: "a dump"
};

/// "# end ops=5" with its newline: what a recording ends with.
std::string recorded_end_line(size_t operations);

/// EINVAL, naming the file, when the recording is cut short: its last line does not end, a count
/// says that it had more operations, or nothing tells where it ends.
absl::Status check_recorded_end(const recording_read& read);

}  // namespace iommulab
