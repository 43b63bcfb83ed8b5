// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/hotplug_calls.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/text_source.h"

namespace iommulab::verify {

std::vector<absl::Span<const call_event>> parts_of_steps(absl::Span<const call_event> tree,
                                                         size_t count) {
  constexpr std::string_view reading = "intel_iommu_show_ndoms_used";
  std::vector<absl::Span<const call_event>> parts;
  size_t depth = 0;
  size_t start = 0;
  bool reads = false;
  for (size_t i = 0; i < tree.size(); ++i) {
    if (tree[i].what == call_event::kind::enter && depth++ == 0) reads = tree[i].text == reading;
    if (tree[i].what != call_event::kind::exit || depth == 0 || --depth > 0 || !reads) continue;
    parts.push_back(tree.subspan(start, i + 1 - start));
    start = i + 1;
  }
  parts.push_back(tree.subspan(start));
  if (parts.size() != count) parts.clear();
  return parts;
}

absl::StatusOr<hotplug_calls> read_hotplug_calls(const workload_calls& calls,
                                                 absl::Span<const std::string_view> marks) {
  hotplug_calls found;
  auto tree = calls.tree({"hotplug", hotplug_graph, ""});
  if (!tree.ok()) return tree.status();
  found.tree = *std::move(tree);
  const auto parts = parts_of_steps(found.tree, marks.size());
  if (parts.size() != marks.size()) {
    return line_error(calls.path_of(hotplug_graph), 0, "steps", absl::StrCat(marks.size()),
                      "domains_used was not read behind each of them");
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    auto made = calls.calls_in(parts[i], {"hotplug", hotplug_graph, marks[i]});
    if (!made.ok()) return made.status();
    if (!calls.own()) add_coherent_buffers(*made, found.used_blocks);
    found.steps.emplace_back(parts[i], *std::move(made));
  }
  return found;
}

}  // namespace iommulab::verify
