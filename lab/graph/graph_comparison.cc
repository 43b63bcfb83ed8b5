// SPDX-License-Identifier: GPL-2.0-only
#include "lab/graph/graph_comparison.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lab/events/traced_functions.h"
#include "lab/graph/graph_filter.h"
#include "lab/graph/tree_window.h"
#include "lab/graph/unmap_timer.h"

namespace iommulab {
namespace {

using call_kind = call_event::kind;
using call_events = std::vector<call_event>;

constexpr std::string_view operation_mark = "OP ";
constexpr std::string_view page_note = "alloc_pgtable_page";
constexpr std::string_view result_arrow = " -> ";
constexpr std::string_view driver_start = "intel_iommu_init";

std::string first_word(const std::string& text) {
  return text.substr(0, text.find(' '));
}

bool is_operation(const std::string& note) {
  return note.starts_with(operation_mark);
}

/// A kernel that numbers operations as the recorder's does, or prints what the recorded ones print.
bool is_ours_to_print(const std::string& note) {
  return is_printed_note(note) || is_operation(note);
}

/// Counts what is taken out, by what it is.
class left_out_list {
 public:
  void add(const std::string& what, size_t line, std::string_view why) {
    const auto [at, is_new] = places_.try_emplace(what, list_.size());
    if (is_new) list_.push_back({what, 0, line, std::string(why)});
    ++list_[at->second].count;
  }
  void add_stretch(size_t count, size_t line, std::string_view why) {
    if (count != 0) list_.push_back({"calls", count, line, std::string(why)});
  }
  std::vector<left_out> take() && { return std::move(list_); }

 private:
  std::map<std::string, size_t> places_;
  std::vector<left_out> list_;
};

/// Calls by the kernel's names and known notes; the rest is told to `out`.
template <typename Function, typename Note>
call_events keep_and_tell(const call_events& events, Function function, Note note,
                          std::string_view no_function, std::string_view no_note,
                          left_out_list& out) {
  for (const call_event& event : events) {
    if (event.what == call_kind::enter && !function(event.text)) {
      out.add(event.text, event.line, no_function);
    }
    if (event.what == call_kind::note && !note(event.text)) {
      out.add(absl::StrCat("/* ", first_word(event.text), " … */"), event.line, no_note);
    }
  }
  return keep_calls(events, function, note);
}

/// As the text with chosen functions has it: notes in them, and marks of operations.
call_events without_outer_notes(const call_events& events) {
  call_events kept;
  size_t depth = 0;
  for (const call_event& event : events) {
    if (event.what == call_kind::exit && depth > 0) --depth;
    if (event.what != call_kind::note || depth > 0 || is_operation(event.text)) {
      kept.push_back(event);
    }
    if (event.what == call_kind::enter) ++depth;
  }
  return kept;
}

bool calls_driver_start(const call_events& events) {
  return std::any_of(events.begin(), events.end(), [](const call_event& event) {
    return event.what == call_kind::enter && event.text == driver_start;
  });
}

size_t count_calls(const call_events& events) {
  return static_cast<size_t>(
      std::count_if(events.begin(), events.end(),
                    [](const call_event& event) { return event.what == call_kind::enter; }));
}

/// The page that a note tells of, where its address begins.
std::optional<size_t> page_place(const call_event& event) {
  if (event.what != call_kind::note || !event.text.starts_with(page_note)) return std::nullopt;
  const size_t arrow = event.text.find(result_arrow);
  uint64_t address = 0;
  if (arrow == std::string::npos) return std::nullopt;
  const size_t place = arrow + result_arrow.size();
  return absl::SimpleHexAtoi(event.text.substr(place), &address) ? std::optional(place)
                                                                 : std::nullopt;
}

std::vector<std::string> pages_of(const call_events& events) {
  std::vector<std::string> pages;
  for (const call_event& event : events) {
    if (const auto place = page_place(event)) pages.push_back(event.text.substr(*place));
  }
  return pages;
}

/// Whether the run got the pages that the recorded one had: then they are compared by address.
bool same_pages(const call_events& file, const call_events& run) {
  const std::vector<std::string> theirs = pages_of(file);
  const std::vector<std::string> ours = pages_of(run);
  const size_t both = std::min(theirs.size(), ours.size());
  size_t same = 0;
  for (size_t i = 0; i < both; ++i) same += static_cast<size_t>(theirs[i] == ours[i]);
  return 2 * same > both;
}

/// Where the operation itself begins in "OP 9 map 1 0 …"; nothing for another note.
std::optional<size_t> operation_place(const call_event& event) {
  if (event.what != call_kind::note || !is_operation(event.text)) return std::nullopt;
  const size_t behind_number = event.text.find(' ', operation_mark.size());
  return behind_number == std::string::npos ? event.text.size() : behind_number + 1;
}

size_t longest_operation(const call_events& events) {
  size_t longest = 0;
  for (const call_event& event : events) {
    if (const auto place = operation_place(event)) {
      longest = std::max(longest, event.text.size() - *place);
    }
  }
  return longest;
}

/// The recorder cuts long operations: none of them is longer than the longest.
void cut_operations(call_events& events, size_t length) {
  for (call_event& event : events) {
    const auto place = operation_place(event);
    if (!place) continue;
    event.text.resize(std::min(event.text.size(), *place + length));
    event.text.resize(event.text.find_last_not_of(' ') + 1);
  }
}

/// Which page an allocator gives is no matter of the calls.
void hide_pages(call_events& events) {
  for (call_event& event : events) {
    if (const auto place = page_place(event)) event.text = event.text.substr(0, *place) + "a page";
  }
}

/// What stands between marks of operations: from the first mark on.
call_events from_first_operation(const call_events& events) {
  const auto first = std::find_if(events.begin(), events.end(), [](const call_event& event) {
    return event.what == call_kind::note && is_operation(event.text);
  });
  return {first, events.end()};
}

class comparison_maker {
 public:
  comparison_maker(const call_events& file, absl::Span<const trace_event> run,
                   const graph_comparison_choice& choice)
      : choice_(choice), file_(timers_apart(file)), run_(timers_apart(calls_of_run(run))) {
    for (call_event& event : file_) {
      if (event.what == call_kind::enter) event.text = std::string(kernel_name_of(event.text));
    }
    // A filtered file may name the rest of the start-up and not the call that it is about.
    shows_start_up_ = calls_driver_start(file_) || !calls_driver_start(run_);
  }

  graph_comparison make() && {
    leave_out_functions();
    choose_part();
    result_.pages_by_address = same_pages(file_, run_);
    if (!result_.pages_by_address) {
      hide_pages(file_);
      hide_pages(run_);
    }
    cut_operations(run_, longest_operation(file_));
    const numbered_lines theirs = call_lines(file_);
    const numbered_lines ours = call_lines(run_);
    result_.file_lines = theirs.size();
    result_.run_lines = ours.size();
    result_.hunks = line_hunks(theirs, ours, enclosing_line);
    result_.of_file = std::move(out_of_file_).take();
    result_.of_run = std::move(out_of_run_).take();
    return std::move(result_);
  }

 private:
  /// Both sides without what only one of them can have.
  void leave_out_functions() {
    function_names named;
    std::set<std::string> printed;
    for (const call_event& event : file_) {
      if (event.what == call_kind::enter) named.insert(event.text);
      if (event.what == call_kind::note) printed.insert(first_word(event.text));
    }
    if (choice_.traced) named = *choice_.traced;
    if (!choice_.subtrees.empty()) {
      const auto root = [&](const std::string& f) { return fits_any(f, choice_.subtrees); };
      file_ = keep_subtrees(file_, root);
      run_ = keep_subtrees(run_, root);
    }
    const auto is_wanted = [&](const std::string& f) {
      return choice_.functions.empty() || fits_any(f, choice_.functions);
    };
    const auto any_note = [](const std::string& /*note*/) { return true; };
    file_ = keep_calls(file_, is_wanted, any_note);
    run_ = keep_calls(run_, is_wanted, any_note);
    if (!choice_.functions.empty()) {
      file_ = without_outer_notes(file_);
      run_ = without_outer_notes(run_);
    }
    file_ =
        keep_and_tell(file_, is_traced_function, is_ours_to_print, "the port has no such function",
                      "no line that the port prints", out_of_file_);
    run_ = keep_and_tell(
        run_, [&](const std::string& f) { return named.contains(f); },
        [&](const std::string& note) {
          return is_ours_to_print(note) && printed.contains(first_word(note));
        },
        choice_.traced ? "the file's tracer did not see it" : "the file never names it",
        "the file never prints it", out_of_run_);
  }

  /// Both sides down to what the file shows of the run.
  void choose_part() {
    if (shows_start_up_ && !keep_subtrees(file_, is_start_up_call).empty()) return take_start_up();
    if (call_events theirs = from_first_operation(file_); !theirs.empty()) {
      return take("operations", std::move(theirs), from_first_operation(run_),
                  "before the first operation");
    }
    const tree_window window = find_window(file_, run_);
    result_.part = "the stretch of the run that the file shows";
    out_of_run_.add_stretch(count_calls(window.before), 1, "before what the file shows");
    out_of_run_.add_stretch(count_calls(window.behind), first_line(window.behind),
                            "behind what the file shows");
    run_ = window.inside;
  }

  void take_start_up() {
    take("start-up", keep_subtrees(file_, is_start_up_call), keep_subtrees(run_, is_start_up_call),
         "not of the start-up: drivers, and what came before");
  }

  void take(const char* part, call_events theirs, call_events ours, std::string_view why) {
    result_.part = part;
    out_of_file_.add_stretch(count_calls(file_) - count_calls(theirs), first_line(file_), why);
    out_of_run_.add_stretch(count_calls(run_) - count_calls(ours), first_line(run_), why);
    file_ = std::move(theirs);
    run_ = std::move(ours);
  }

  static size_t first_line(const call_events& events) {
    return events.empty() ? 0 : events.front().line;
  }

  const graph_comparison_choice& choice_;
  call_events file_;
  call_events run_;
  bool shows_start_up_ = false;
  left_out_list out_of_file_;
  left_out_list out_of_run_;
  graph_comparison result_;
};

size_t differing_lines(const graph_comparison& comparison) {
  size_t count = 0;
  for (const diff_hunk& hunk : comparison.hunks) {
    for (const diff_line& line : hunk.lines) {
      count += static_cast<size_t>(line.where != diff_line::side::both);
    }
  }
  return count;
}

}  // namespace

graph_comparison compare_graph(const recorded_graph& file, absl::Span<const trace_event> run,
                               const graph_comparison_choice& choice) {
  graph_comparison in_order = comparison_maker(file.events, run, choice).make();
  if (in_order.equal()) return in_order;
  graph_comparison in_turn = comparison_maker(by_task(file), run, choice).make();
  in_turn.task_by_task = true;
  return differing_lines(in_turn) < differing_lines(in_order) ? in_turn : in_order;
}

std::string_view kernel_name_of(std::string_view function) {
  const size_t dot = function.find('.', 1);
  return function.substr(0, dot);
}

}  // namespace iommulab
