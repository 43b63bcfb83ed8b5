// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/call_listing.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "core/status.h"
#include "core/text_source.h"

namespace iommulab::verify {
namespace {

constexpr std::array<std::string_view, 3> start_up_calls = {"iommu_init", "iommu_dev_init",
                                                            "intel_iommu_init"};

/// First words of the notes that the captures' kernel prints, sorted.
constexpr std::array<std::string_view, 28> printed_notes = {
    "__domain_mapping",
    "__intel_map_single",
    "add_device_to_group:",
    "add_unmap",
    "alloc_iova",
    "alloc_pgtable_page",
    "attach_device_to_domain:",
    "detach_device_from_domain:",
    "dma_pte_clear_range",
    "dma_pte_free_pagetable",
    "domain_context_mapping_one",
    "domain_init",
    "domain_unmap",
    "flush_unmaps",
    "free_iova",
    "init_iova_domain",
    "intel_alloc_coherent",
    "intel_free_coherent",
    "intel_map_sg",
    "intel_unmap",
    "iommu_flush_iotlb_psi",
    "iommu_prepare_identity_map",
    "map:",
    "qi",
    "remove_device_from_group:",
    "reserve_iova",
    "si_domain_init",
    "unmap:",
};

constexpr std::string_view page_note = "alloc_pgtable_page";
constexpr std::string_view page_note_result = " -> ";
constexpr std::string_view traced_functions_file = "traced-functions.txt";

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// What stands between "/*" and "*/".
std::optional<std::string_view> comment(std::string_view text) {
  constexpr std::string_view open = "/* ";
  constexpr std::string_view close = " */";
  if (!text.starts_with(open) || !text.ends_with(close)) return std::nullopt;
  return text.substr(open.size(), text.size() - open.size() - close.size());
}

/// A task switch: blank lines and dashes around " 0)    sh-257     =>    <idle>-0".
bool is_task_switch(std::string_view line) {
  return trim(line).empty() || line.find("---") != std::string_view::npos ||
         line.find("=>") != std::string_view::npos;
}

/// Adds the events of what follows the bar of a graph line; false when it is not one.
bool take_body(std::string_view body, size_t line, std::vector<call_event>& events) {
  constexpr std::string_view leaf = "();";
  constexpr std::string_view open = "() {";
  if (const auto note = comment(body)) {
    events.push_back({call_event::kind::note, line, std::string(*note)});
    return true;
  }
  if (body.starts_with('}')) {
    events.push_back({call_event::kind::exit, line, {}});
    return true;
  }
  const bool is_leaf = body.ends_with(leaf);
  if (!is_leaf && !body.ends_with(open)) return false;
  std::string name(body.substr(0, body.size() - (is_leaf ? leaf.size() : open.size())));
  events.push_back({call_event::kind::enter, line, name});
  if (is_leaf) events.push_back({call_event::kind::exit, line, std::move(name)});
  return true;
}

bool is_printed_note(std::string_view text) {
  const std::string_view first = text.substr(0, text.find(' '));
  return std::find(printed_notes.begin(), printed_notes.end(), first) != printed_notes.end();
}

/// "alloc_pgtable_page node=-1 -> 0x3a677000" with the page by its name.
std::string note_text(const std::string& text, page_names& names) {
  if (names.is_exact() || !text.starts_with(page_note)) return text;
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
  std::vector<call_event> events;
  for (const numbered_line& line : *lines) {
    const size_t bar = line.text.find('|');
    if (bar == std::string::npos && is_task_switch(line.text)) continue;
    const std::string_view body = bar == std::string::npos
                                      ? std::string_view()
                                      : trim(std::string_view(line.text).substr(bar + 1));
    if (!take_body(body, line.line, events)) {
      return line_error(folder.file_path(file), line.line, "call", line.text,
                        "not a line of a function graph");
    }
  }
  return events;
}

absl::StatusOr<function_names> read_traced_functions(const capture_folder& folder) {
  for (const std::filesystem::path& place : traced_functions_places(folder)) {
    std::string path = (place / traced_functions_file).string();
    std::error_code error;
    if (!std::filesystem::exists(path, error)) path += ".xz";
    if (!std::filesystem::exists(path, error)) continue;
    absl::StatusOr<std::string> text = read_text_file(path);
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

std::vector<call_event> calls_of_run(absl::Span<const trace_event> events) {
  std::vector<call_event> calls;
  for (size_t i = 0; i < events.size(); ++i) {
    const trace_event& event = events[i];
    const size_t line = i + 1;
    if (event.kind() == trace_kind::call_enter) {
      calls.push_back({call_event::kind::enter, line, std::string(event.function())});
    } else if (event.kind() == trace_kind::call_exit) {
      calls.push_back({call_event::kind::exit, line, std::string(event.function())});
    } else if (const auto* note = event.as<events::note>()) {
      calls.push_back({call_event::kind::note, line, note->text});
    }
  }
  return calls;
}

std::vector<call_event> keep_traced(absl::Span<const call_event> events,
                                    const function_names& traced) {
  std::vector<call_event> kept;
  std::vector<bool> open;  // whether each open call is kept
  for (const call_event& event : events) {
    if (event.what == call_event::kind::enter) {
      open.push_back(traced.contains(event.text));
      if (open.back()) kept.push_back(event);
    } else if (event.what == call_event::kind::note) {
      if (is_printed_note(event.text)) kept.push_back(event);
    } else if (!open.empty()) {
      if (open.back()) kept.push_back(event);
      open.pop_back();
    }
  }
  return kept;
}

std::vector<call_event> keep_start_up(absl::Span<const call_event> events) {
  std::vector<call_event> kept;
  size_t depth = 0;
  size_t kept_depth = 0;  // open calls that were kept; either none or all of the open ones
  for (const call_event& event : events) {
    const bool is_enter = event.what == call_event::kind::enter;
    const bool starts =
        is_enter && depth == 0 &&
        std::find(start_up_calls.begin(), start_up_calls.end(), event.text) != start_up_calls.end();
    const bool inside = kept_depth > 0 || starts;
    if (inside) kept.push_back(event);
    if (is_enter) {
      ++depth;
      if (inside) ++kept_depth;
    } else if (event.what == call_event::kind::exit && depth > 0) {
      --depth;
      if (kept_depth > 0) --kept_depth;
    }
  }
  for (; kept_depth > 0; --kept_depth) {
    kept.push_back({call_event::kind::exit, kept.back().line, {}});
  }
  return kept;
}

numbered_lines call_lines(absl::Span<const call_event> events, page_names names) {
  constexpr size_t indent = 2;
  numbered_lines lines;
  size_t depth = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    const call_event& event = events[i];
    if (event.what == call_event::kind::exit && depth > 0) --depth;
    std::string text(indent * depth, ' ');
    if (event.what == call_event::kind::note) {
      text += "/* " + note_text(event.text, names) + " */";
    } else if (event.what == call_event::kind::exit) {
      text += "}";
    } else if (i + 1 < events.size() && events[i + 1].what == call_event::kind::exit) {
      text += event.text + "();";
      ++i;
    } else {
      text += event.text + "() {";
      ++depth;
    }
    lines.push_back({event.line, std::move(text)});
  }
  return lines;
}

}  // namespace iommulab::verify
