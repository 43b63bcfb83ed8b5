// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/capture_accounts.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/hardware_trace.h"
#include "lab/replay/omissions.h"

namespace iommulab::verify {
namespace {

constexpr std::array<capture_input, 13> inputs = {{
    {"qemu.args", "the machine's memory, unit and edu devices"},
    {"cmdline", "the kernel's command line"},
    {"DMAR.bin", "the firmware's table"},
    {"DMAR-given.bin", "the firmware's table, of a run that hung"},
    {"pci.txt", "the machine's PCI functions and their drivers"},
    {"iomem", "where the configuration window lies"},
    {"unowned-reads", "what addresses read that nobody owns"},
    {"vtd-marks.txt", "where in the trace each phase ends"},
    {"traced-functions.txt", "which functions a call tree can show"},
    {"vtd-reads.txt", "what the trace's reads gave"},
    {"fgraph/cmdline", "the command line of the start whose calls were recorded"},
    {"fgraph/boot-tree.txt", "fgraph/boot.txt folded: the two are held against each other"},
    {"script.txt", "a client's operations"},
}};

bool is_text(std::string_view name) {
  return name.ends_with(".txt");
}

absl::Status check_last_line(const capture_folder& folder, const std::string& name) {
  const auto text = folder.read_text(name);
  if (!text.ok()) return text.status();
  if (text->empty() || text->back() == '\n') return absl::OkStatus();
  const size_t start = text->rfind('\n') + 1;
  const auto line = static_cast<size_t>(std::count(text->begin(), text->end(), '\n')) + 1;
  return line_error(folder.file_path(name), line, "last line", text->substr(start),
                    "the file is cut short: the line does not end");
}

absl::Status refuse_mark(const capture_folder& folder, size_t index, std::string_view mark,
                         std::string_view why) {
  return line_error(folder.file_path(marks_file), index + 1, "mark", mark, why);
}

absl::Status check_marks(const capture_folder& folder, const std::vector<trace_mark>& marks) {
  if (marks.empty() || marks.front().name != "boot") {
    return refuse_mark(folder, 0, marks.empty() ? "" : marks.front().name,
                       "the first is the boot mark");
  }
  // A client says itself where it wants marks; who plays it holds them against its script.
  const bool is_clients = folder.has("effects.txt");
  if (marks.back().name != "end" && !is_clients) {
    return refuse_mark(folder, marks.size() - 1, marks.back().name,
                       "the file is cut short: the last is the end mark");
  }
  std::set<std::string> seen;
  for (size_t i = 0; i < marks.size(); ++i) {
    if (!seen.insert(marks[i].name).second) {
      return refuse_mark(folder, i, marks[i].name, "it is there twice");
    }
    if (i > 0 && marks[i].line < marks[i - 1].line) {
      return refuse_mark(folder, i, marks[i].name, "it lies before the mark above it");
    }
  }
  if (seen.contains("afterdisk") != seen.contains("afternet")) {
    return refuse_mark(folder, 0, seen.contains("afterdisk") ? "afternet" : "afterdisk",
                       "it is missing, and its neighbour is there");
  }
  return absl::OkStatus();
}

absl::Status check_trace_reaches(const capture_folder& folder, const trace_mark& last) {
  if (!folder.has(trace_file)) {
    return line_error(folder.file_path(trace_file), 0, "trace", "",
                      "it is missing, and vtd-marks.txt names its lines");
  }
  if (const auto trace = read_trace_lines(folder, 1, SIZE_MAX); !trace.ok()) return trace.status();
  const auto lines = folder.read_lines(trace_file);
  if (!lines.ok()) return lines.status();
  if (lines->size() >= last.line) return absl::OkStatus();
  return line_error(folder.file_path(trace_file), lines->size(), "last line",
                    lines->empty() ? "" : lines->back().text,
                    absl::StrFormat("the file is cut short: the mark %s is behind line %d",
                                    last.name, last.line));
}

/// Whether a script's recording ends where the kernel died.
absl::StatusOr<bool> died_in_script(const capture_folder& folder) {
  if (!folder.has("ops.txt")) return false;
  const auto text = folder.read_text("ops.txt");
  if (!text.ok()) return text.status();
  return text->find("\n# end ops=") == std::string::npos;
}

absl::Status check_tree(const capture_folder& folder, const std::string& name, bool may_end_open) {
  const auto events = read_call_graph(folder, name);
  if (!events.ok()) return events.status();
  size_t depth = 0;
  for (const call_event& event : *events) {
    if (event.what == call_event::kind::enter) ++depth;
    if (event.what != call_event::kind::exit) continue;
    if (depth == 0) {
      return line_error(folder.file_path(name), event.line, "call", "}", "it closes nothing");
    }
    --depth;
  }
  if (depth == 0 || may_end_open) return absl::OkStatus();
  return line_error(folder.file_path(name), events->back().line, "call", events->back().text,
                    absl::StrFormat("the file is cut short: %d calls are open", depth));
}

}  // namespace

absl::Span<const capture_input> capture_inputs() {
  return inputs;
}

absl::Status check_whole(const capture_folder& folder) {
  for (const std::string& name : folder.files()) {
    if (!is_text(name)) continue;
    if (absl::Status status = check_last_line(folder, name); !status.ok()) return status;
  }
  const auto died = died_in_script(folder);
  if (!died.ok()) return died.status();
  for (const std::string& name : folder.files()) {
    if (!matches_pattern("fgraph-*.txt", name)) continue;
    absl::Status status = check_tree(folder, name, *died && name == "fgraph-lab.txt");
    if (!status.ok()) return status;
  }
  if (!folder.has(marks_file)) {
    // A run that hung left its console and no marks.
    if (!folder.has("dmesg.txt")) return absl::OkStatus();
    return line_error(folder.file_path(marks_file), 0, "marks", "",
                      "the file is missing, and dmesg.txt shows that the run went on");
  }
  const auto marks = read_marks(folder);
  if (!marks.ok()) return marks.status();
  if (absl::Status status = check_marks(folder, *marks); !status.ok()) return status;
  return check_trace_reaches(folder, marks->back());
}

std::vector<class_result> unaccounted_files(const capture_folder& folder,
                                            absl::Span<const class_result> results) {
  std::set<std::string> known;
  for (const class_result& result : results) {
    if (result.status == class_result::outcome::not_compared) continue;
    known.insert(result.files.begin(), result.files.end());
  }
  for (const capture_input& input : inputs) known.insert(std::string(input.name));
  std::vector<class_result> missing;
  for (const std::string& name : folder.files()) {
    if (known.contains(name) || find_omitted_file(folder, name) != nullptr) continue;
    missing.push_back({absl::StrCat("file ", name),
                       class_result::outcome::unaccounted,
                       0,
                       "no class compares it, no run uses it, and no omission excuses it",
                       {name}});
  }
  return missing;
}

}  // namespace iommulab::verify
