// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/call_listing.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "core/status.h"
#include "lab/graph/graph_reader.h"

namespace iommulab::verify {
namespace {

constexpr std::string_view page_note = "alloc_pgtable_page";
constexpr std::string_view page_note_result = " -> ";
constexpr std::string_view traced_functions_file = "traced-functions.txt";

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// "alloc_pgtable_page node=-1 -> 0x3a677000" with the page by its name.
std::string note_text(const std::string& text, page_names& names) {
  if (!text.starts_with(page_note)) return text;
  const size_t arrow = text.find(page_note_result);
  uint64_t address = 0;
  if (arrow == std::string::npos) return text;
  const size_t start = arrow + page_note_result.size();
  if (!absl::SimpleHexAtoi(text.substr(start), &address)) return text;
  return text.substr(0, start) + names(address);
}

std::vector<std::filesystem::path> traced_functions_places(const capture_folder& folder) {
  std::vector<std::filesystem::path> places;
  const std::filesystem::path start = std::filesystem::absolute(folder.path());
  for (std::filesystem::path at = start.lexically_normal();; at = at.parent_path()) {
    places.push_back(at);
    if (at == at.parent_path()) break;
  }
  if (const char* golden = std::getenv("IOMMULAB_GOLDEN")) {
    places.push_back(std::filesystem::path(golden) / "kernel/v4_4");
  }
  // The source tree that the program was built in, from wherever it is called.
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  for (std::filesystem::path at = program.parent_path(); !error;) {
    places.push_back(at / "tests/golden/kernel/v4_4");
    if (at == at.parent_path()) break;
    at = at.parent_path();
  }
  places.emplace_back("tests/golden/kernel/v4_4");
  return places;
}

}  // namespace

absl::StatusOr<std::vector<call_event>> read_call_graph(const capture_folder& folder,
                                                        std::string_view file) {
  absl::StatusOr<numbered_lines> lines = folder.read_lines(file);
  if (!lines.ok()) return lines.status();
  absl::StatusOr<recorded_graph> graph = read_graph(*lines, folder.file_path(file));
  if (!graph.ok()) return graph.status();
  return std::move(graph->events);
}

absl::StatusOr<function_names> read_traced_functions(const capture_folder& folder) {
  for (const std::filesystem::path& place : traced_functions_places(folder)) {
    std::string path = (place / traced_functions_file).string();
    std::error_code error;
    if (!std::filesystem::exists(path, error)) path += ".xz";
    if (!std::filesystem::exists(path, error)) continue;
    const absl::StatusOr<std::string_view> text = folder.shared_text(path);
    if (!text.ok()) return text.status();
    function_names names;
    for (std::string_view rest = *text; !rest.empty();) {
      const size_t end = rest.find('\n');
      const std::string_view name = trim(rest.substr(0, end));
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      if (!name.empty()) names.emplace(name);
    }
    return names;
  }
  return errno_status(ENOENT, absl::StrFormat("%s: no %s in it or above it, below "
                                              "$IOMMULAB_GOLDEN or in tests/golden",
                                              folder.path(), traced_functions_file));
}

absl::Span<const trace_event> start_up_part(absl::Span<const trace_event> events) {
  constexpr std::string_view last_call = "intel_iommu_init";
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].kind() == trace_kind::call_exit && events[i].function() == last_call) {
      return events.first(i + 1);
    }
  }
  return events;
}

std::vector<call_event> keep_traced(absl::Span<const call_event> events,
                                    const function_names& traced) {
  return keep_calls(
      events, [&](const std::string& function) { return traced.contains(function); },
      is_printed_note);
}

std::vector<call_event> keep_start_up(absl::Span<const call_event> events) {
  return keep_trees(events, is_start_up_call);
}

numbered_lines call_lines(absl::Span<const call_event> events, page_names names) {
  if (names.is_exact()) return iommulab::call_lines(events);
  std::vector<call_event> named(events.begin(), events.end());
  for (call_event& event : named) {
    if (event.what == call_event::kind::note) event.text = note_text(event.text, names);
  }
  return iommulab::call_lines(named);
}

}  // namespace iommulab::verify
