// SPDX-License-Identifier: GPL-2.0-only
#include "cli/boot/trace_text.h"

#include "core/printk.h"

namespace iommulab {
namespace {

std::string log_text(const timed_event& e) {
  const auto level = static_cast<log_level>(e.event.value);
  if (level == log_level::debug) return "/* pr_debug: " + e.event.text + " */";
  return to_string(log_line{level, e.time_ns, e.event.text});
}

}  // namespace

std::vector<std::string> trace_lines(const std::vector<timed_event>& events, event_words& words) {
  constexpr size_t step = 2;
  std::vector<std::string> lines;
  size_t depth = 0;  // of the calls that are shown, not of those that ran
  for (size_t i = 0; i < events.size(); ++i) {
    const trace_event& event = events[i].event;
    if (event.kind == trace_kind::call_exit) {
      if (depth == 0) continue;
      --depth;
      lines.push_back(std::string(depth * step, ' ') + "}");
      continue;
    }
    const std::string indent(depth * step, ' ');
    if (event.kind != trace_kind::call_enter) {
      lines.push_back(
          indent + (event.kind == trace_kind::log ? log_text(events[i]) : words.describe(event)));
      continue;
    }
    const bool leaf = i + 1 < events.size() && events[i + 1].event.kind == trace_kind::call_exit;
    lines.push_back(indent + std::string(event.name) + (leaf ? "();" : "() {"));
    if (leaf) {
      ++i;
    } else {
      ++depth;
    }
  }
  return lines;
}

}  // namespace iommulab
