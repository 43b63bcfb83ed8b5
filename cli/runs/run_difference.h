// SPDX-License-Identifier: GPL-2.0-only
//
// Two runs beside each other: what each says, a section a subject.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "core/trace_event.h"
#include "kernel/kernel.h"
#include "lab/diff/line_diff.h"
#include "lab/events/event_words.h"

namespace iommulab {

struct difference_section {
  std::string title;  ///< "log", "registers", "groups", "trace", …
  std::vector<diff_line> lines;

  [[nodiscard]] bool equal() const;
};

struct run_difference {
  /// "Linux 4.4.178 on q35, intel_iommu=on": which run is which. Not compared.
  std::string left;
  std::string right;
  std::vector<difference_section> sections;
  /// What a reader of each run should know of it. Not compared either.
  std::vector<std::string> left_notes{};
  std::vector<std::string> right_notes{};

  [[nodiscard]] bool equal() const;
  void add(const char* title, const std::vector<std::string>& left_lines,
           const std::vector<std::string>& right_lines);
  /// The same, lined up by what the lines mean: two lines with one key are one step of both runs.
  /// It is shown as on the left where `same` says that the lines say the same, else as a line of
  /// each side, one behind the other.
  void add_by_meaning(const char* title, const std::vector<std::string>& left_lines,
                      const std::vector<std::string>& right_lines,
                      absl::FunctionRef<std::string(const std::string&)> key,
                      absl::FunctionRef<bool(const std::string&, const std::string&)> same);
  void add_by_meaning(const char* title, const std::vector<std::string>& left_lines,
                      const std::vector<std::string>& right_lines,
                      absl::FunctionRef<std::string(const std::string&)> key);
};

/// What a run is called in a difference.
std::string run_title(const kernel& system, const std::string& command_line);
/// Words of a command line that look as if they did something to remapping, and do not, and what is
/// assumed of the machine: a sentence each.
std::vector<std::string> run_notes(const kernel& system, const std::string& command_line);
/// The register accesses among the events, a line each.
std::vector<std::string> access_lines(const std::vector<trace_event>& events, event_words& words);

std::string difference_to_text(const run_difference& difference);
/// {"left", "right", "left_notes", "right_notes", "equal", "sections": {TITLE: [{"side":
/// "left"|"right", "left_line", "right_line", "text"}]}}: the differing lines alone. The number of
/// the line's own side is where it stands there, the other says before which line it would stand;
/// both count from 1. `kind` names the document.
std::string difference_to_json(std::string_view kind, const run_difference& difference);

}  // namespace iommulab
