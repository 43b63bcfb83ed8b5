// SPDX-License-Identifier: GPL-2.0-only
#include "cli/runs/trace_text.h"

#include "core/printk.h"

namespace iommulab {
namespace {

std::string log_text(const trace_event& event, const events::log_text& line) {
  const auto level = static_cast<log_level>(line.level);
  if (level == log_level::debug) return "/* pr_debug: " + line.text + " */";
  return to_string(log_line{level, event.time_ns, line.text});
}

/// " -> 0" of a function that returns something.
std::string result_of(const trace_event& event) {
  const call_values& result = event.as<events::call_exit>()->result;
  return result.empty() ? std::string() : " -> " + to_string(result);
}

}  // namespace

std::vector<std::string> trace_lines(const std::vector<trace_event>& list, event_words& words) {
  constexpr size_t step = 2;
  std::vector<std::string> lines;
  size_t depth = 0;  // of the calls that are shown, not of those that ran
  for (size_t i = 0; i < list.size(); ++i) {
    const trace_event& event = list[i];
    if (event.kind() == trace_kind::call_exit) {
      if (depth == 0) continue;
      --depth;
      lines.push_back(std::string(depth * step, ' ') + '}' + result_of(event));
      continue;
    }
    const std::string indent(depth * step, ' ');
    if (event.kind() != trace_kind::call_enter) {
      const auto* line = event.as<events::log_text>();
      lines.push_back(indent + (line != nullptr ? log_text(event, *line) : words.describe(event)));
      continue;
    }
    const bool leaf = i + 1 < list.size() && list[i + 1].kind() == trace_kind::call_exit;
    lines.push_back(indent + words.describe(event) + (leaf ? result_of(list[i + 1]) + ';' : " {"));
    if (leaf) {
      ++i;
    } else {
      ++depth;
    }
  }
  return lines;
}

}  // namespace iommulab
