// SPDX-License-Identifier: GPL-2.0-only
//
// A run as a page carries it: what there is to say of the whole, and its events in chunks, each
// with what changed in the structures behind each event.
//
// A chunk is a document of its own: {"events": [EVENT, …], "changes": [{KIND: delta} or null, …]},
// and where it has one "state", the structures before its first event. The first chunk has one; a
// later one has one when the chunks behind the last that has took as much room as that one. So
// states are at most half of a page, and none is further away than that.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/output/json.h"
#include "lab/stepping/repeatable_run.h"

namespace iommulab::view {

// NOLINTNEXTLINE(bugprone-exception-escape): moving a document throws nothing
struct run_record {
  json head;  ///< "title", "kernel", "events", "functions", "chunks", "mappings", "machine", …
  std::vector<std::string> chunks;  ///< packed
  std::vector<std::string> steps;   ///< what each event is, for alignment_of()
};

/// The error of a run that cannot begin. One that ends badly is a record, whose head says how.
absl::StatusOr<run_record> record_for_page(const repeatable_run& run);

}  // namespace iommulab::view
