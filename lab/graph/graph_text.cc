// SPDX-License-Identifier: GPL-2.0-only
#include "lab/graph/graph_text.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/printk.h"

namespace iommulab {
namespace {

constexpr size_t blanks_a_level = 2;

std::string comment(std::string_view text) {
  return absl::StrFormat("/* %s */", text);
}

std::string log_text(const trace_event& event, const events::log_text& line) {
  const auto level = static_cast<log_level>(line.level);
  if (level == log_level::debug) return comment(absl::StrCat("pr_debug: ", line.text));
  return comment(to_string(log_line{level, event.time_ns, line.text}));
}

/// " /* ret=0 */" of a function that returns something; values besides bear names of their own.
std::string result_text(const events::call_exit& e, const graph_form& form) {
  if (e.result.empty() || !form.values) return {};
  const char* name = e.result.front().name.empty() ? "ret=" : "";
  return absl::StrCat(" ", comment(absl::StrCat(name, to_string(e.result))));
}

/// How ftrace marks what took longer than so many microseconds.
struct duration_mark {
  uint64_t above_us;
  char mark;
};
constexpr std::array<duration_mark, 6> marks = {
    {{1000000, '$'}, {100000, '@'}, {10000, '*'}, {1000, '#'}, {100, '!'}, {10, '+'}}};

/// "! 120.866 us  ": microseconds, with as many decimals as leave eight characters.
std::string duration_column(uint64_t ns) {
  constexpr uint64_t ns_per_us = 1000;
  constexpr size_t width = 8;
  constexpr size_t decimals = 3;
  std::string number = absl::StrCat(ns / ns_per_us);
  if (number.size() + 1 < width) {
    const std::string rest = absl::StrFormat("%03d", ns % ns_per_us);
    absl::StrAppend(&number, ".", rest.substr(0, std::min(decimals, width - 1 - number.size())));
  }
  const auto* mark = std::find_if(marks.begin(), marks.end(), [ns](const duration_mark& m) {
    return ns > m.above_us * ns_per_us;
  });
  const char shown = mark == marks.end() ? ' ' : mark->mark;
  const std::string pad(number.size() < width ? width - number.size() : 0, ' ');
  return absl::StrFormat("%c %s us %s", shown, number, pad);
}

/// The lines of one stream: who is open, and what the words have heard of.
class line_writer {
 public:
  line_writer(absl::Span<const trace_event> events, event_words& words, const graph_form& form)
      : events_(events), words_(words), form_(form) {}

  void take(size_t index, bool is_leaf, size_t exit) {
    const trace_event& event = events_[index];
    hear_up_to(index);
    if (const auto* left = event.as<events::call_exit>()) return leave(index, *left);
    std::string text = graph_text_of(event, words_, form_);
    if (event.kind() != trace_kind::call_enter) return add(index, std::move(text));
    if (!is_leaf) {
      add(index, text + " {");
      open_.push_back(event.time_ns);
      return;
    }
    const trace_event& end = events_[exit];
    absl::StrAppend(&text, ";", result_text(*end.as<events::call_exit>(), form_));
    add(index, std::move(text), end.time_ns - event.time_ns);
  }

  std::vector<graph_line> lines() && { return std::move(lines_); }

 private:
  /// Where tables lie, the words know from the events that said so.
  void hear_up_to(size_t index) {
    for (; heard_ < index; ++heard_) {
      if (events_[heard_].kind() == trace_kind::table_write) words_.place(events_[heard_]);
    }
  }
  void leave(size_t index, const events::call_exit& left) {
    if (open_.empty()) return;
    const uint64_t since = open_.back();
    open_.pop_back();
    add(index, absl::StrCat("}", result_text(left, form_)), events_[index].time_ns - since);
  }
  void add(size_t index, std::string text, std::optional<uint64_t> duration = std::nullopt) {
    lines_.push_back({index, open_.size(), std::move(text), duration});
  }

  absl::Span<const trace_event> events_;
  event_words& words_;
  const graph_form& form_;
  size_t heard_ = 0;
  std::vector<uint64_t> open_;  ///< when each open call was entered
  std::vector<graph_line> lines_;
};

}  // namespace

std::string graph_text_of(const trace_event& event, event_words& words, const graph_form& form) {
  if (const auto* line = event.as<events::log_text>()) return log_text(event, *line);
  if (const auto* left = event.as<events::call_exit>()) {
    return absl::StrCat("}", result_text(*left, form));
  }
  if (const auto* enter = event.as<events::call_enter>(); enter != nullptr && !form.values) {
    return absl::StrCat(std::string(enter->name), "()");
  }
  std::string text = words.describe(event);
  const bool is_as_printed =
      event.kind() == trace_kind::call_enter || event.kind() == trace_kind::note;
  return is_as_printed ? text : comment(text);
}

std::vector<graph_line> graph_lines(absl::Span<const trace_event> events,
                                    absl::Span<const size_t> shown, event_words& words,
                                    const graph_form& form) {
  line_writer writer(events, words, form);
  for (size_t i = 0; i < shown.size(); ++i) {
    const bool enters = events[shown[i]].kind() == trace_kind::call_enter;
    const bool is_leaf =
        enters && i + 1 < shown.size() && events[shown[i + 1]].kind() == trace_kind::call_exit;
    writer.take(shown[i], is_leaf, is_leaf ? shown[i + 1] : 0);
    if (is_leaf) ++i;
  }
  return std::move(writer).lines();
}

std::string full_text(const graph_line& line) {
  constexpr size_t column = 14;
  const std::string duration =
      line.duration_ns ? duration_column(*line.duration_ns) : std::string(column, ' ');
  return absl::StrCat(" 0) ", duration, "|  ", short_text(line));
}

std::string short_text(const graph_line& line) {
  return std::string(line.depth * blanks_a_level, ' ') + line.text;
}

std::string graph_head(std::string_view run) {
  return absl::StrFormat(
      "# tracer: function_graph\n#\n# %s\n#\n"
      "# CPU  DURATION                  FUNCTION CALLS\n"
      "# |     |   |                     |   |   |   |\n",
      run);
}

std::vector<std::string> short_graph(absl::Span<const trace_event> events, event_words& words) {
  std::vector<size_t> all(events.size());
  std::iota(all.begin(), all.end(), size_t{0});
  std::vector<std::string> lines;
  for (const graph_line& line : graph_lines(events, all, words)) lines.push_back(short_text(line));
  return lines;
}

}  // namespace iommulab
