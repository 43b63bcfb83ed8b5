// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/dmalab_run.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/hardware_trace.h"
#include "lab/replay/operation_excuses.h"
#include "lab/replay/operation_marks.h"
#include "lab/replay/operation_sides.h"
#include "lab/replay/overwritten_memory.h"
#include "lab/replay/played_script.h"
#include "lab/replay/table_dump.h"

namespace iommulab::verify {
namespace {

using outcome = class_result::outcome;

/// The lines of one operation, behind one that names it.
numbered_lines headed(const dmalab::operation& op, const numbered_lines& lines) {
  numbered_lines all = {{op.line, operation_heading(op)}};
  all.insert(all.end(), lines.begin(), lines.end());
  return all;
}

class_result unreadable_operations(std::string title, const absl::Status& status) {
  return {std::move(title), outcome::unreadable, 0, std::string(status.message()), {}};
}

class script_comparison {
 public:
  script_comparison(const capture_folder& folder, const played_script& played)
      : folder_(folder), played_(played), excuses_(find_excuses(played)) {}

  std::vector<class_result> compare() && {
    results_ = played_.differences().results();
    compare_outcomes();
    if (!played_.differences().empty() && played_.outcomes().empty()) return std::move(results_);
    compare_log();
    if (folder_.has(trace_file)) compare_hardware();
    if (played_.has_calls()) compare_calls();
    for (const auto& [name, lines] : played_.tables()) compare_dump(name, lines);
    return std::move(results_);
  }

 private:
  [[nodiscard]] const operation_excuse& excuse(size_t index) const {
    return excuses_.by_operation[index];
  }

  void finish(std::string_view name, std::string_view file, const operation_sides& sides) {
    results_.push_back(sides.result(name, file, excuses_.reasons));
  }

  /// Adds an operation's lines to both sides of a class.
  void add(size_t index, operation_sides& sides, const numbered_lines& captured,
           const numbered_lines& ours) const {
    const dmalab::operation& op = *played_.outcomes()[index].op;
    if (excuse(index).died) {
      sides.add_up_to_death(headed(op, captured), headed(op, ours));
    } else {
      sides.add(headed(op, captured), headed(op, ours));
    }
  }

  void compare_outcomes() {
    operation_sides sides;
    const auto& outcomes = played_.outcomes();
    for (size_t i = 0; i < outcomes.size(); ++i) add_outcome(i, sides);
    const auto& operations = played_.script().operations;
    for (size_t i = outcomes.size(); i < operations.size(); ++i) {
      sides.add({{operations[i].line, operation_heading(operations[i])}}, {});
    }
    finish("operations", script_file, sides);
  }

  void add_outcome(size_t index, operation_sides& sides) const {
    const dmalab::outcome& o = played_.outcomes()[index];
    const dmalab::operation& op = *o.op;
    const std::string recorded = op.result.value_or("");
    const std::string result = o.bug.empty() ? o.result : o.bug;
    const auto line = [&](const std::string& text, int list_size, bool timer_on) {
      return numbered_lines{{op.line, dmalab::outcome_line(op, text, list_size, timer_on)}};
    };
    const bool state = op.state.has_value();
    const numbered_lines captured =
        line(recorded, state ? op.state->list_size : 0, state && op.state->timer_on);
    const numbered_lines ours = line(result, o.list_size, o.timer_on);
    if (excuse(index).died) {
      // The recorder had written what it knew before the call, and nothing of the state.
      const bool begins = result.starts_with(recorded);
      sides.add(captured, ours, captured, begins ? captured : ours);
    } else if (excuse(index).peeked) {
      const numbered_lines spoiled = line(*excuse(index).peeked, o.list_size, o.timer_on);
      const bool is_spoiled = spoiled[0].text == captured[0].text;
      sides.add(captured, ours, captured, is_spoiled ? spoiled : ours);
    } else {
      sides.add(captured, ours);
    }
  }

  void compare_log() {
    operation_sides sides;
    for (size_t i = 0; i < played_.outcomes().size(); ++i) {
      const dmalab::outcome& o = played_.outcomes()[i];
      const numbered_lines captured = captured_operation_log(*o.op);
      const numbered_lines ours = played_.our_log(o);
      if (excuse(i).known == nullptr || excuse(i).died) {
        add(i, sides, captured, ours);
        continue;
      }
      numbered_lines rest = ours;
      std::erase_if(rest,
                    [](const numbered_line& line) { return tells_of_overwriting(line.text); });
      sides.add(headed(*o.op, captured), headed(*o.op, ours), headed(*o.op, captured),
                headed(*o.op, rest));
    }
    finish("operations' log", script_file, sides);
  }

  void compare_hardware() {
    const auto marks = read_operation_marks(folder_, played_.script());
    const auto whole = read_trace_lines(folder_, 1, SIZE_MAX);
    if (!marks.ok() || !whole.ok()) {
      const absl::Status& status = marks.ok() ? whole.status() : marks.status();
      results_.push_back(unreadable_operations("operations' registers", status));
      return;
    }
    operation_sides registers;
    operation_sides queue;
    const page_names captured_names = played_.names(*whole);
    const page_names our_names = played_.names(played_.our_trace());
    size_t before = 0;  // last line of the operation above; of the first nothing is known
    for (size_t i = 0; i < played_.outcomes().size(); ++i) {
      const line_range& lines = marks->at(played_.outcomes()[i].op->number);
      const hardware_trace captured = part_of(*whole, lines.first, lines.last);
      const hardware_trace ours = trace_of_run(played_.events_of(i), {});
      if (i > 0) {
        const hardware_trace between = part_of(*whole, before + 1, lines.first - 1);
        const hardware_trace our_between = trace_of_run(played_.events_before(i), {});
        registers.add(register_lines(between, captured_names),
                      register_lines(our_between, our_names));
        queue.add(queue_lines(between, captured_names), queue_lines(our_between, our_names));
      }
      before = lines.last;
      add(i, registers, register_lines(captured, captured_names), register_lines(ours, our_names));
      add(i, queue, queue_lines(captured, captured_names), queue_lines(ours, our_names));
    }
    finish("operations' registers", trace_file, registers);
    finish("operations' queue", trace_file, queue);
  }

  void compare_calls() {
    const absl::StatusOr<function_names> traced = read_traced_functions(folder_);
    if (!traced.ok()) {
      results_.push_back(unreadable_operations("operations' calls", traced.status()));
      return;
    }
    operation_sides sides;
    for (size_t i = 0; i < played_.outcomes().size(); ++i) {
      add_tree(i, keep_traced(calls_of_run(played_.events_of(i)), *traced), sides);
    }
    finish("operations' calls", lab_calls_file, sides);
  }

  void add_tree(size_t index, const std::vector<call_event>& ours, operation_sides& sides) const {
    const dmalab::operation& op = *played_.outcomes()[index].op;
    const operation_calls& captured = played_.captured_calls(op);
    const auto lines = [&](absl::Span<const call_event> events, const std::string& heading) {
      numbered_lines all = {{captured.line, heading}};
      const numbered_lines tree = call_lines(events, page_names::exact());
      all.insert(all.end(), tree.begin(), tree.end());
      return all;
    };
    const std::string heading = tree_heading(op, captured.heading);
    sides.add(lines(captured.events, captured.heading), lines(ours, heading),
              lines(strict(index, captured.events, captured.events.size()), captured.heading),
              lines(strict(index, ours, captured.events.size()), heading));
  }

  /// The tracer cuts a mark where its buffer ends.
  static std::string tree_heading(const dmalab::operation& op, std::string_view captured) {
    constexpr size_t shortest_cut = 200;
    std::string heading = operation_heading(op);
    const bool is_cut = captured.size() >= shortest_cut && heading.starts_with(captured);
    return is_cut ? std::string(captured) : heading;
  }

  /// What of one side's calls must be the same: where the kernel died, as many as it had made, but
  /// for the call of the function in which it died.
  [[nodiscard]] std::vector<call_event> strict(size_t index, absl::Span<const call_event> events,
                                               size_t made) const {
    const operation_excuse& e = excuse(index);
    if (e.died) {
      const bool in_last = made != 0 && is_last_call(index, e.known->died_in);
      events = events.first(std::min(events.size(), in_last ? made - 1 : made));
    }
    std::vector<call_event> kept = without_calls_below(events, e.other_calls);
    if (e.known == nullptr || e.known->further_call.empty()) return kept;
    return without_leaves(kept, e.known->further_call);
  }

  [[nodiscard]] bool is_last_call(size_t index, std::string_view function) const {
    const call_event& last = played_.captured_calls(*played_.outcomes()[index].op).events.back();
    return last.what == call_event::kind::enter && last.text == function;
  }

  void compare_dump(const std::string& name, const numbered_lines& ours) {
    const std::string file = absl::StrCat("pt-", name, ".txt");
    const std::string title = absl::StrCat("tables ", name);
    if (!folder_.has(file)) {
      const std::string why = absl::StrCat("it was dumped, and there is no ", file);
      results_.push_back({title, outcome::unaccounted, 0, why, {}});
      return;
    }
    absl::StatusOr<dumped_tables> captured = dumped_tables::read(folder_, file);
    const auto trace = read_trace_lines(folder_, 1, SIZE_MAX);
    if (!captured.ok() || !trace.ok()) {
      const absl::Status& status = captured.ok() ? trace.status() : captured.status();
      results_.push_back(unreadable_operations(title, status));
      return;
    }
    results_.push_back(compare_lines(
        title, file, table_lines(*captured, captured->root(), played_.names(*trace)), ours));
  }

  const capture_folder& folder_;
  const played_script& played_;
  const operation_excuses excuses_;
  std::vector<class_result> results_;
};

}  // namespace

bool has_dma_script(const capture_folder& folder) {
  return folder.has(script_file);
}

absl::StatusOr<std::vector<class_result>> verify_dma_script(const capture_folder& folder) {
  played_script played(folder);
  if (absl::Status status = played.play(); !status.ok()) return status;
  return script_comparison(folder, played).compare();
}

}  // namespace iommulab::verify
