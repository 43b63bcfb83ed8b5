// SPDX-License-Identifier: GPL-2.0-only
//
// A run held against a recorded function graph: the calls of both, and the notes that both print.
//
// Taken out before, and told: of the file what the port does not have, of the run what the file
// never names (inlined, or not traced) and never prints. Compared is the part that the file shows:
// a start-up where it has one, the operations of a script where it has their marks, else the
// stretch of the run that its outermost calls fit best.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/trace_event.h"
#include "lab/diff/line_hunks.h"
#include "lab/graph/call_tree.h"
#include "lab/graph/graph_reader.h"

namespace iommulab {

/// Something of one side that is not compared.
struct left_out {
  std::string what;  ///< a function, a note's first word, or a stretch in words
  size_t count = 0;  ///< how often
  size_t line = 0;   ///< of the file, where it is first; of the run, the event
  std::string why;
};

struct graph_comparison {
  std::string part;              ///< which part of both, in words
  std::vector<diff_hunk> hunks;  ///< of the file's lines and ours
  size_t file_lines = 0;         ///< compared
  size_t run_lines = 0;
  std::vector<left_out> of_file;
  std::vector<left_out> of_run;
  bool pages_by_address = false;  ///< else not: the run got others
  /// The file's tasks were taken one after the other: its own order fits the run less well.
  bool task_by_task = false;

  [[nodiscard]] bool equal() const { return hunks.empty(); }
};

struct graph_comparison_choice {
  /// What the file's tracer saw at all, where that is known; else the functions that it names.
  std::optional<function_names> traced;
  std::vector<std::string> subtrees;   ///< of both sides only these, as patterns; none: all
  std::vector<std::string> functions;  ///< of both sides only these functions; none: all
};

graph_comparison compare_graph(const recorded_graph& file, absl::Span<const trace_event> run,
                               const graph_comparison_choice& choice = {});

/// "f" of "f.isra.0", as compilers call a function that they changed.
std::string_view kernel_name_of(std::string_view function);

}  // namespace iommulab
