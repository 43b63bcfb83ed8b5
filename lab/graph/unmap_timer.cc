// SPDX-License-Identifier: GPL-2.0-only
#include "lab/graph/unmap_timer.h"

#include <algorithm>
#include <cstddef>

namespace iommulab {
namespace {

/// Who calls it without waiting for the timer.
constexpr std::string_view timer_caller = "domain_exit";

/// Whether a call that said so has changed what the timer would find.
bool has_taken_effect(const call_event& event) {
  return event.what == call_event::kind::note &&
         (event.text.starts_with("alloc_iova ") || event.text.starts_with("add_unmap "));
}

/// One top-level call, taken apart into what goes before it, itself, and what goes after it.
void take_apart(absl::Span<const call_event> call, std::vector<call_event>& tree) {
  std::vector<call_event> rest;
  std::vector<call_event> after;
  std::vector<std::string_view> open;
  bool effective = false;
  for (size_t i = 0; i < call.size();) {
    const call_event& event = call[i];
    const bool is_timer = event.what == call_event::kind::enter && event.text == unmap_timer_call;
    if (is_timer && !open.empty() && open.back() != timer_caller) {
      const size_t end = end_of_call(call, i);
      std::vector<call_event>& to = effective ? after : tree;
      to.insert(to.end(), call.begin() + static_cast<std::ptrdiff_t>(i),
                call.begin() + static_cast<std::ptrdiff_t>(end));
      i = end;
      continue;
    }
    if (event.what == call_event::kind::enter) open.push_back(event.text);
    if (event.what == call_event::kind::exit && !open.empty()) open.pop_back();
    effective = effective || has_taken_effect(event);
    rest.push_back(event);
    ++i;
  }
  tree.insert(tree.end(), rest.begin(), rest.end());
  tree.insert(tree.end(), after.begin(), after.end());
}

}  // namespace

std::vector<call_event> timers_apart(absl::Span<const call_event> events) {
  std::vector<call_event> tree;
  for (size_t i = 0; i < events.size();) {
    const size_t end = std::max(end_of_call(events, i), i + 1);
    take_apart(events.subspan(i, end - i), tree);
    i = end;
  }
  return tree;
}

}  // namespace iommulab
