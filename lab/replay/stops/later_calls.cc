// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/later_calls.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/interrupt_remapping.h"

namespace iommulab::verify {
namespace {

using tree_kind = call_event::kind;

/// With what the recorder's trees begin.
constexpr std::string_view outermost_functions[] = {"iommu_init", "iommu_dma_init",
                                                    "iommu_subsys_init", "intel_iommu_init",
                                                    "dmar_free_unused_resources"};

/// What passes calls on: prefixes of names.
constexpr std::string_view passes_calls_on[] = {
    // The kernel's interrupt core, through which the fault event is set up.
    "irq_", "__irq_", "msi_domain_", "request_threaded_irq", "__setup_irq",
    // Devices of a bus, one after the other.
    "bus_for_each_dev", "pci_iommu_init"};

/// Interrupt remapping, which goes with all that it calls.
constexpr std::string_view of_interrupt_remapping[] = {"intel_irq_remap", "intel_ir_",
                                                       "modify_irte", "irq_remapping_"};

template <size_t N>
bool begins_with_one(const std::string& function, const std::string_view (&prefixes)[N]) {
  return std::any_of(std::begin(prefixes), std::end(prefixes),
                     [&](std::string_view prefix) { return function.starts_with(prefix); });
}

std::vector<call_event> without_remapping_calls(absl::Span<const call_event> events) {
  std::vector<call_event> kept;
  size_t left_out = 0;  // open calls of one that goes, itself included
  for (const call_event& event : events) {
    const bool enters = event.what == tree_kind::enter;
    if (left_out == 0 && !(enters && begins_with_one(event.text, of_interrupt_remapping))) {
      kept.push_back(event);
    } else if (enters) {
      ++left_out;
    } else if (event.what == tree_kind::exit) {
      --left_out;
    }
  }
  return kept;
}

/// A call with all below it.
struct call_node {
  std::string name;
  size_t line = 0;
  std::vector<call_node> calls;

  bool operator==(const call_node& other) const {
    return name == other.name && calls == other.calls;
  }
};

std::vector<call_node> nodes_of(absl::Span<const call_event> events) {
  call_node root;
  std::vector<call_node*> open = {&root};
  // A vector of calls grows only while none of its members is open.
  for (const call_event& event : events) {
    if (event.what == tree_kind::enter) {
      open.back()->calls.push_back({event.text, event.line, {}});
      open.push_back(&open.back()->calls.back());
    } else if (event.what == tree_kind::exit && open.size() > 1) {
      open.pop_back();
    }
  }
  return std::move(root.calls);
}

void print(absl::Span<const call_node> nodes, size_t depth, numbered_lines& lines) {
  constexpr size_t indent = 2;
  const std::string blanks(indent * depth, ' ');
  for (size_t i = 0; i < nodes.size();) {
    size_t end = i + 1;
    while (end < nodes.size() && nodes[end] == nodes[i]) ++end;
    const call_node& node = nodes[i];
    const std::string times = end - i > 1 ? absl::StrFormat("   /* x%d */", end - i) : "";
    if (node.calls.empty()) {
      lines.push_back({node.line, absl::StrCat(blanks, node.name, "();", times)});
    } else {
      lines.push_back({node.line, absl::StrCat(blanks, node.name, "() {", times)});
      print(node.calls, depth + 1, lines);
      lines.push_back({node.line, absl::StrCat(blanks, "}")});
    }
    i = end;
  }
}

/// Names as in the source, and parts of a function as the function.
std::vector<call_event> with_source_names(absl::Span<const call_event> events) {
  std::vector<call_event> named;
  std::vector<std::string> open;
  std::vector<bool> merged;
  for (const call_event& event : events) {
    if (event.what == tree_kind::enter) {
      std::string name = source_name_of(event.text);
      const bool part =
          !open.empty() && open.back() == name && event.text.find(".part.") != std::string::npos;
      merged.push_back(part);
      if (!part) named.push_back({event.what, event.line, name});
      open.push_back(std::move(name));
    } else if (event.what == tree_kind::exit && !open.empty()) {
      if (!merged.back()) named.push_back({event.what, event.line, open.back()});
      merged.pop_back();
      open.pop_back();
    }
  }
  return named;
}

std::vector<call_event> compared_part(absl::Span<const call_event> events) {
  const std::vector<call_event> kept = keep_calls(
      without_remapping_calls(events),
      [](const std::string& function) { return !begins_with_one(function, passes_calls_on); },
      [](const std::string&) { return false; });
  return keep_subtrees(kept, [](const std::string& function) {
    return std::find(std::begin(outermost_functions), std::end(outermost_functions), function) !=
           std::end(outermost_functions);
  });
}

/// "fgraph/boot-tree.txt" says the same, folded.
absl::Status check_folded(const capture_folder& folder, std::string_view file,
                          absl::Span<const call_event> events) {
  constexpr std::string_view suffix = ".txt";
  const std::string folded =
      absl::StrCat(std::string(file.substr(0, file.size() - suffix.size())), "-tree.txt");
  if (!folder.has(folded)) return absl::OkStatus();
  const absl::StatusOr<numbered_lines> lines = folder.read_lines(folded);
  if (!lines.ok()) return lines.status();
  const numbered_lines own = later_call_lines(events);
  for (size_t i = 0; i < std::max(own.size(), lines->size()); ++i) {
    const bool same = i < own.size() && i < lines->size() && own[i].text == (*lines)[i].text;
    if (same) continue;
    return line_error(folder.file_path(folded), std::min(i + 1, lines->size()), "call",
                      i < lines->size() ? (*lines)[i].text : "",
                      absl::StrFormat("%s has, folded: %s", std::string(file),
                                      i < own.size() ? own[i].text : "no more"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string source_name_of(std::string_view function) {
  return std::string(function.substr(0, function.find('.')));
}

absl::StatusOr<std::vector<call_event>> read_later_calls(const capture_folder& folder,
                                                         std::string_view file) {
  const absl::StatusOr<std::vector<call_event>> events = read_call_graph(folder, file);
  if (!events.ok()) return events.status();
  if (absl::Status status = check_folded(folder, file, *events); !status.ok()) return status;
  return compared_part(with_source_names(*events));
}

std::vector<call_event> later_calls_of_run(absl::Span<const trace_event> events,
                                           const function_names& traced, set_up_before found) {
  function_names names;
  for (const std::string& name : traced) names.insert(source_name_of(name));
  if (found.queue) {
    for (const char* name : {"dmar_fault", "dmar_disable_qi", "__dmar_enable_qi"})
      names.erase(name);
  }
  const std::vector<call_event> kept = keep_calls(
      found.fault_event ? without_interrupt_remapping(calls_of_run(events)) : calls_of_run(events),
      [&](const std::string& function) { return names.contains(function); },
      [](const std::string&) { return false; });
  return compared_part(kept);
}

numbered_lines later_call_lines(absl::Span<const call_event> calls) {
  numbered_lines lines;
  print(nodes_of(calls), 0, lines);
  return lines;
}

}  // namespace iommulab::verify
