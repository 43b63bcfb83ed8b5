// SPDX-License-Identifier: GPL-2.0-only
#include "lab/graph/call_tree.h"

#include <algorithm>
#include <array>
#include <utility>

namespace iommulab {
namespace {

using call_kind = call_event::kind;

constexpr std::array<std::string_view, 3> start_up_calls = {"iommu_init", "iommu_dev_init",
                                                            "intel_iommu_init"};

/// First words of the notes that the recorded kernel prints, sorted.
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

template <size_t N>
bool holds(const std::array<std::string_view, N>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// Calls that begin where `begins` says, given the function and how many calls are open around it,
/// with all below them.
std::vector<call_event> keep_from(
    absl::Span<const call_event> events,
    absl::FunctionRef<bool(const std::string& function, size_t depth)> begins) {
  std::vector<call_event> kept;
  size_t depth = 0;
  size_t kept_depth = 0;  // open calls that are kept: the innermost ones
  for (const call_event& event : events) {
    const bool enters = event.what == call_kind::enter;
    const bool inside = kept_depth > 0 || (enters && begins(event.text, depth));
    if (inside) kept.push_back(event);
    if (enters) {
      ++depth;
      if (inside) ++kept_depth;
    } else if (event.what == call_kind::exit && depth > 0) {
      --depth;
      if (kept_depth > 0) --kept_depth;
    }
  }
  for (; kept_depth > 0; --kept_depth) kept.push_back({call_kind::exit, kept.back().line, {}});
  return kept;
}

}  // namespace

std::vector<call_event> calls_of_run(absl::Span<const trace_event> events) {
  std::vector<call_event> calls;
  for (size_t i = 0; i < events.size(); ++i) {
    const trace_event& event = events[i];
    const size_t line = i + 1;
    if (event.kind() == trace_kind::call_enter) {
      calls.push_back({call_kind::enter, line, std::string(event.function())});
    } else if (event.kind() == trace_kind::call_exit) {
      calls.push_back({call_kind::exit, line, std::string(event.function())});
    } else if (const auto* note = event.as<events::note>()) {
      calls.push_back({call_kind::note, line, note->text});
    }
  }
  return calls;
}

size_t end_of_call(absl::Span<const call_event> events, size_t begin) {
  if (events[begin].what != call_event::kind::enter) return begin;
  size_t depth = 0;
  for (size_t i = begin; i < events.size(); ++i) {
    if (events[i].what == call_event::kind::enter) ++depth;
    if (events[i].what == call_event::kind::exit && --depth == 0) return i + 1;
  }
  return events.size();
}

std::vector<call_event> keep_calls(absl::Span<const call_event> events, name_test function,
                                   name_test note) {
  std::vector<call_event> kept;
  std::vector<bool> open;  // whether each open call is kept
  for (const call_event& event : events) {
    if (event.what == call_kind::enter) {
      open.push_back(function(event.text));
      if (open.back()) kept.push_back(event);
    } else if (event.what == call_kind::note) {
      if (note(event.text)) kept.push_back(event);
    } else if (!open.empty()) {
      if (open.back()) kept.push_back(event);
      open.pop_back();
    }
  }
  return kept;
}

std::vector<call_event> keep_trees(absl::Span<const call_event> events, name_test root) {
  return keep_from(events, [root](const std::string& function, size_t depth) {
    return depth == 0 && root(function);
  });
}

std::vector<call_event> keep_subtrees(absl::Span<const call_event> events, name_test root) {
  return keep_from(
      events, [root](const std::string& function, size_t /*depth*/) { return root(function); });
}

bool is_printed_note(const std::string& text) {
  return holds(printed_notes, std::string_view(text).substr(0, text.find(' ')));
}

bool is_start_up_call(const std::string& function) {
  return holds(start_up_calls, function);
}

numbered_lines call_lines(absl::Span<const call_event> events) {
  constexpr size_t indent = 2;
  numbered_lines lines;
  size_t depth = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    const call_event& event = events[i];
    if (event.what == call_kind::exit && depth > 0) --depth;
    std::string text(indent * depth, ' ');
    if (event.what == call_kind::note) {
      text += "/* " + event.text + " */";
    } else if (event.what == call_kind::exit) {
      text += "}";
    } else if (i + 1 < events.size() && events[i + 1].what == call_kind::exit) {
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

}  // namespace iommulab
