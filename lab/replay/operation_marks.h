// SPDX-License-Identifier: GPL-2.0-only
//
// The capture's side of a script, operation by operation: which lines of vtd-trace.txt and which
// events of fgraph-lab.txt belong to each. Every operation has its marks in both files; one in
// which the kernel died has no end in either.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/workload_calls.h"
#include "lab/script/script.h"

namespace iommulab::verify {

/// The lines of an operation by its number.
using lines_by_operation = std::map<uint64_t, line_range>;
/// EINVAL for an operation without its marks, and for marks in another order than the script's.
absl::StatusOr<lines_by_operation> read_operation_marks(const capture_folder& folder,
                                                        const dmalab::script& script);

struct operation_calls {
  std::string heading;  ///< "OP 3 map 1 0 0 0 0x1000 2", of the tree's own mark
  size_t line = 0;      ///< of that mark
  std::vector<call_event> events;
};
using calls_by_operation = std::map<uint64_t, operation_calls>;
absl::StatusOr<calls_by_operation> read_operation_calls(const capture_folder& folder,
                                                        const dmalab::script& script);

/// "OP 3 map 1 0 0 0 0x1000 2"
std::string operation_heading(const dmalab::operation& op);

}  // namespace iommulab::verify
