// SPDX-License-Identifier: GPL-2.0-only
//
// One phase of a run, from a mark to the next, held against the capture: the functions called,
// register accesses, descriptors, and the tables at its end.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/trace.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/comparison.h"
#include "lab/replay/workload_calls.h"
#include "lab/replay/workload_sides.h"

namespace iommulab::verify {

/// The part of a run between two marks.
struct played_phase {
  std::string name;
  std::string graph;  ///< that shows it; empty where none does
  std::string mark;
  line_range lines;        ///< of the capture's trace
  size_t first_event = 0;  ///< of our run
  size_t first_call = 0;   ///< where what the tree shows begins
  size_t last_call = 0;    ///< one past it
  size_t last_event = 0;   ///< one past the phase
  numbered_lines tables;   ///< at its end
  std::string unknown;     ///< why nobody can say what was done; then nothing is compared
};

/// "pt-afternet.txt"
std::string tables_file(const played_phase& phase);

/// A class of a phase that the capture holds and that cannot be compared.
class_result unaccounted(std::string title, std::string reason);

/// The classes of a phase, but for the calls.
void compare_hardware(const capture_folder& folder, const workload_sides& sides,
                      const played_phase& phase, std::vector<class_result>& results);

/// A tree of the capture and the calls among our `events`. `title` is the class, `graph` the file.
class_result compare_tree(const capture_folder& folder, const workload_sides& sides,
                          const std::string& title, const std::string& graph,
                          absl::Span<const call_event> tree, absl::Span<const trace_event> events);

}  // namespace iommulab::verify
