// SPDX-License-Identifier: GPL-2.0-only
#include "lab/graph/graph_reader.h"

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/text_source.h"

namespace iommulab {
namespace {

using call_kind = call_event::kind;

constexpr std::string_view comment_open = "/*";
constexpr std::string_view comment_close = "*/";
constexpr std::string_view switch_arrow = "=>";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// A body without the comment that newer kernels put behind it: a result, a caller.
std::string_view without_remark(std::string_view body) {
  if (!body.ends_with(comment_close)) return body;
  const size_t open = body.find(comment_open);
  return open == std::string_view::npos ? body : trimmed(body.substr(0, open));
}

/// "f" of "f(a=1) {" or "f [module]();"; nothing for what is no call.
std::optional<std::string_view> called_function(std::string_view body) {
  const auto in_name = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '$';
  };
  size_t end = 0;
  while (end < body.size() && in_name(body[end])) ++end;
  if (end == 0 || absl::ascii_isdigit(static_cast<unsigned char>(body[0]))) return std::nullopt;
  std::string_view rest = body.substr(end);
  if (rest.starts_with(" [")) {
    const size_t bracket = rest.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(bracket + 1);
  }
  if (!rest.starts_with('(')) return std::nullopt;
  return body.substr(0, end);
}

struct graph_body {
  call_kind what = call_kind::note;
  bool leaf = false;
  std::string_view text;
};

/// What stands behind the columns; nothing when it is no line of a graph.
std::optional<graph_body> body_of(std::string_view text) {
  std::string_view body = trimmed(text);
  if (body.starts_with(comment_open)) {
    if (!body.ends_with(comment_close) || body.size() < 2 * comment_open.size()) return {};
    body.remove_prefix(comment_open.size());
    body.remove_suffix(comment_close.size());
    return graph_body{call_kind::note, false, trimmed(body)};
  }
  body = without_remark(body);
  if (body == "}") return graph_body{call_kind::exit, false, {}};
  const auto function = called_function(body);
  if (!function) return {};
  if (body.ends_with(");")) return graph_body{call_kind::enter, true, *function};
  if (body.ends_with(") {")) return graph_body{call_kind::enter, false, *function};
  return {};
}

/// A line, with what its columns say.
struct parsed_line {
  std::optional<graph_body> body;
  std::string_view cpu;
  std::string_view task;  ///< "sh-257"
};

/// "sh-257": a command, which may have any character, and a number.
bool is_task(std::string_view column) {
  const size_t dash = column.rfind('-');
  return dash != std::string_view::npos && dash > 0 && is_digits(column.substr(dash + 1));
}

parsed_line parse_line(std::string_view line) {
  constexpr size_t most_columns = 16;  // ftrace has five; a command may have bars in its name
  parsed_line parsed;
  std::string_view rest = line;
  for (size_t columns = 0; columns < most_columns; ++columns) {
    if (auto body = body_of(rest)) {
      parsed.body = body;
      return parsed;
    }
    const std::string_view column = trimmed(rest);
    const size_t paren = column.find(')');
    if (parsed.cpu.empty() && paren != std::string_view::npos &&
        is_digits(column.substr(0, paren))) {
      parsed.cpu = column.substr(0, paren);
      rest = column.substr(paren + 1);
      continue;
    }
    const size_t bar = rest.find('|');
    if (bar == std::string_view::npos) return parsed;
    const std::string_view before = trimmed(rest.substr(0, bar));
    if (is_task(before)) parsed.task = before;
    rest.remove_prefix(bar + 1);
  }
  return parsed;
}

struct task_switch {
  std::string_view cpu;
  std::string_view from;
  std::string_view to;
};

/// " 0)    sh-257     =>    <idle>-0"
std::optional<task_switch> switch_of(std::string_view line) {
  const size_t arrow = line.find(switch_arrow);
  const size_t paren = line.find(')');
  if (arrow == std::string_view::npos || paren == std::string_view::npos || paren > arrow)
    return {};
  task_switch found{trimmed(line.substr(0, paren)),
                    trimmed(line.substr(paren + 1, arrow - paren - 1)),
                    trimmed(line.substr(arrow + switch_arrow.size()))};
  if (!is_digits(found.cpu) || !is_task(found.from) || !is_task(found.to)) return {};
  return found;
}

/// Headings, blank lines, the dashes around a task switch, the arrows around an interrupt.
bool says_nothing(std::string_view line) {
  const std::string_view text = trimmed(line);
  if (text.empty() || text.starts_with('#')) return true;
  if (text.find_first_not_of('-') == std::string_view::npos) return true;
  return text.find(comment_open) == std::string_view::npos &&
         (text.find("=====>") != std::string_view::npos ||
          text.find("<=====") != std::string_view::npos);
}

/// "CPU:0 [LOST 123 EVENTS]"
bool tells_of_loss(std::string_view line) {
  return line.find(comment_open) == std::string_view::npos &&
         line.find("LOST ") != std::string_view::npos &&
         line.find("EVENTS") != std::string_view::npos;
}

/// Numbers for tasks, as far as the lines tell them apart.
class task_numbers {
 public:
  uint32_t of(const parsed_line& line) {
    const std::string cpu(line.cpu);
    if (!line.task.empty()) current_[cpu] = number(line.task, cpu);
    const auto known = current_.find(cpu);
    if (known != current_.end()) return known->second;
    return current_[cpu] = next_++;
  }
  void take(const task_switch& change) {
    const std::string cpu(change.cpu);
    // What came before the first switch was of the task that is left now.
    const auto before = current_.find(cpu);
    if (before != current_.end()) numbers_.try_emplace(key(change.from, cpu), before->second);
    current_[cpu] = number(change.to, cpu);
  }

 private:
  /// Each processor has an idle task of its own.
  static std::string key(std::string_view task, const std::string& cpu) {
    const std::string name(task);
    return name.ends_with("-0") ? absl::StrCat(name, " on ", cpu) : name;
  }
  uint32_t number(std::string_view task, const std::string& cpu) {
    const auto [at, is_new] = numbers_.try_emplace(key(task, cpu), next_);
    if (is_new) ++next_;
    return at->second;
  }

  std::map<std::string, uint32_t> current_;  ///< by processor
  std::map<std::string, uint32_t> numbers_;
  uint32_t next_ = 0;
};

}  // namespace

absl::StatusOr<recorded_graph> read_graph(absl::Span<const numbered_line> lines,
                                          std::string_view file) {
  recorded_graph graph;
  task_numbers tasks;
  const auto add = [&graph](uint32_t task, call_event event) {
    graph.events.push_back(std::move(event));
    graph.tasks.push_back(task);
  };
  for (const numbered_line& line : lines) {
    if (says_nothing(line.text)) continue;
    if (tells_of_loss(line.text)) {
      if (graph.loss == 0) graph.loss = line.line;
      continue;
    }
    const parsed_line parsed = parse_line(line.text);
    if (!parsed.body) {
      if (const auto change = switch_of(line.text)) {
        tasks.take(*change);
        continue;
      }
      return line_error(file, line.line, "call", line.text, "not a line of a function graph");
    }
    const uint32_t task = tasks.of(parsed);
    std::string text(parsed.body->text);
    add(task, {parsed.body->what, line.line, text});
    if (parsed.body->leaf) add(task, {call_kind::exit, line.line, std::move(text)});
  }
  return graph;
}

std::vector<call_event> by_task(const recorded_graph& graph) {
  struct open_tree {
    size_t tree = 0;
    size_t depth = 0;
  };
  std::vector<std::vector<call_event>> trees;
  std::map<uint32_t, open_tree> open;
  for (size_t i = 0; i < graph.events.size(); ++i) {
    const call_event& event = graph.events[i];
    open_tree& at = open[graph.tasks[i]];
    if (at.depth == 0) {
      if (event.what == call_kind::exit) continue;
      at.tree = trees.size();
      trees.emplace_back();
    }
    trees[at.tree].push_back(event);
    if (event.what == call_kind::enter) ++at.depth;
    if (event.what == call_kind::exit) --at.depth;
  }
  std::vector<call_event> events;
  for (const auto& tree : trees) events.insert(events.end(), tree.begin(), tree.end());
  return events;
}

}  // namespace iommulab
