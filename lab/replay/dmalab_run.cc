// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/dmalab_run.h"

#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/text_source.h"
#include "lab/replay/boot_mark.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/hardware_trace.h"
#include "lab/replay/log_listing.h"
#include "lab/replay/table_dump.h"
#include "lab/script/session.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

std::string heading(const dmalab::operation& op) {
  return absl::StrFormat("OP %d %s", op.number, op.text);
}

// --- the capture's side ---------------------------------------------------------------------

/// fgraph-lab.txt by operation number.
using calls_by_operation = std::map<uint64_t, std::vector<call_event>>;

absl::StatusOr<calls_by_operation> read_calls(const capture_folder& folder) {
  absl::StatusOr<std::vector<call_event>> events = read_call_graph(folder, lab_calls_file);
  if (!events.ok()) return events.status();
  calls_by_operation found;
  uint64_t number = 0;
  for (call_event& event : *events) {
    constexpr std::string_view mark = "OP ";
    if (event.what == call_event::kind::note && event.text.starts_with(mark)) {
      const std::vector<std::string_view> words = split_at(event.text, ' ');
      if (!parse_number(words[1], number)) {
        return line_error(folder.file_path(lab_calls_file), event.line, "mark", event.text,
                          "it has no number");
      }
      found[number];
      continue;
    }
    found[number].push_back(std::move(event));
  }
  return found;
}

/// Which lines of vtd-trace.txt belong to an operation.
using lines_by_operation = std::map<uint64_t, std::pair<size_t, size_t>>;

absl::StatusOr<lines_by_operation> read_operation_marks(const capture_folder& folder) {
  absl::StatusOr<numbered_lines> lines = folder.read_lines(trace_file);
  if (!lines.ok()) return lines.status();
  lines_by_operation found;
  for (const numbered_line& line : *lines) {
    if (!line.text.starts_with("OP ")) continue;
    const std::vector<std::string_view> words = split_at(line.text, ' ');
    uint64_t number = 0;
    if (words.size() != 3 || !parse_number(words[2], number)) {
      return line_error(folder.file_path(trace_file), line.line, "mark", line.text,
                        "not OP begin N or OP end N");
    }
    if (words[1] == "begin") found[number] = {line.line + 1, line.line};
    if (words[1] == "end") found[number].second = line.line - 1;
  }
  return found;
}

// --- the run --------------------------------------------------------------------------------

class script_run {
 public:
  explicit script_run(const capture_folder& folder) : folder_(folder) {}

  absl::Status run() {
    auto started = run_capture(folder_);
    if (!started.ok()) return started.status();
    run_ = *std::move(started);
    if (!run_->outcome.panic.empty()) return errno_status(EIO, run_->outcome.panic);
    kernel& system = *run_->system;
    start_up_events_ = run_->recorder.events().size();
    recording_ =
        system.env().trace.subscribe(run_->recorder, trace_class::calls | trace_class::regs |
                                                         trace_class::queue | trace_class::faults);
    api_player player(system);
    if (absl::Status status = play_to_boot_mark(system, folder_, player); !status.ok()) {
      return status;
    }
    return run_script();
  }

  [[nodiscard]] std::vector<class_result> compare() {
    find_excuses();
    std::vector<class_result> results = {compare_operations(), compare_log()};
    if (folder_.has(trace_file)) add_hardware(results);
    if (has_calls_) results.push_back(compare_calls());
    for (const auto& [name, lines] : tables_) results.push_back(compare_tables(name, lines));
    if (!has_calls_ && folder_.has_recorded_calls()) {
      results.push_back({"operations' calls", class_result::outcome::not_compared, 0,
                         absl::StrCat("no ", lab_calls_file)});
    }
    return results;
  }

 private:
  absl::Status run_script() {
    auto read = dmalab::read_script(folder_.file_path(script_file));
    if (!read.ok()) return read.status();
    script_ = *std::move(read);
    if (absl::Status status = check_whole(); !status.ok()) return status;
    has_calls_ = folder_.has(lab_calls_file);
    dmalab::session_hooks hooks;
    if (has_calls_) {
      absl::StatusOr<calls_by_operation> calls = read_calls(folder_);
      if (!calls.ok()) return calls.status();
      captured_calls_ = *std::move(calls);
      hooks.pages = [this](const dmalab::operation& op) {
        return requested_pages(captured_calls_[op.number]);
      };
    }
    hooks.begins = [this](const dmalab::operation& op) {
      first_event_[op.number] = run_->recorder.events().size();
    };
    hooks.ends = [this](const dmalab::outcome& o) {
      last_event_[o.op->number] = run_->recorder.events().size();
      if (o.op->words[0] == "sync" && o.op->words.size() > 1) dump_tables(o.op->words[1]);
      return true;
    };
    auto outcomes = dmalab::run_session(*run_->system, script_, hooks);
    if (!outcomes.ok()) return outcomes.status();
    outcomes_ = *std::move(outcomes);
    recording_.end();
    return absl::OkStatus();
  }

  /// A recording ends with its count, or where the kernel died.
  [[nodiscard]] absl::Status check_whole() const {
    const size_t there = script_.operations.size();
    const bool died = there != 0 && script_.operations.back().died();
    if (died || script_.recorded_count == there) return absl::OkStatus();
    return line_error(script_.path, 0, "operations", absl::StrFormat("%d", there),
                      "the file is cut short: its end does not say so many");
  }

  [[nodiscard]] page_names names(const hardware_trace& trace) const {
    return has_calls_ ? page_names::exact() : page_names::by_appearance(roles_of(trace));
  }

  /// Everything that hardware saw, for the roles of pages.
  [[nodiscard]] hardware_trace our_trace() const {
    return trace_of_run(run_->recorder.events(), {});
  }

  void dump_tables(const std::string& name) {
    const hardware_trace trace = our_trace();
    std::optional<uint64_t> root;
    for (const auto& unit : run_->system->units()) {
      if (const auto latched = latched_root_table(*unit)) root = latched->value();
    }
    tables_.emplace_back(name,
                         table_lines(memory_tables(run_->system->memory()), root, names(trace)));
  }

  /// Both sides of one class, operation by operation. `excused` are those that may differ.
  struct sides {
    numbered_lines captured;
    numbered_lines ours;
    numbered_lines captured_unexcused;
    numbered_lines ours_unexcused;

    void add(bool excused, const numbered_lines& c, const numbered_lines& o) {
      captured.insert(captured.end(), c.begin(), c.end());
      ours.insert(ours.end(), o.begin(), o.end());
      if (excused) return;
      captured_unexcused.insert(captured_unexcused.end(), c.begin(), c.end());
      ours_unexcused.insert(ours_unexcused.end(), o.begin(), o.end());
    }
  };

  [[nodiscard]] class_result result_of(std::string_view name, std::string_view file,
                                       const sides& s) const {
    class_result all = compare_lines(name, file, s.captured, s.ours);
    if (all.status != class_result::outcome::different || reasons_.empty()) return all;
    class_result rest = compare_lines(name, file, s.captured_unexcused, s.ours_unexcused);
    if (rest.status != class_result::outcome::equal) return rest;
    all.status = class_result::outcome::known;
    all.report = absl::StrCat(absl::StrJoin(reasons_, "\n"), "\n", all.report);
    return all;
  }

  void find_excuses() {
    std::set<std::string_view> spoiled;
    for (const dmalab::outcome& o : outcomes_) {
      const dmalab::operation& op = *o.op;
      if (spoiled.contains(op.words[0])) result_excused_.insert(op.number);
      const known_operation_difference* known = find_known_operation_difference(
          known_operation_differences(), op.died_in(), captured_log(op), our_log(o));
      find_call_excuses(op);
      if (known == nullptr) continue;
      excused_.insert(op.number);
      if (op.died()) result_excused_.insert(op.number);
      reasons_.emplace(known->reason);
      if (!known->spoils.empty()) spoiled.insert(known->spoils);
    }
  }

  void find_call_excuses(const dmalab::operation& op) {
    for (const trace_event& event : events_of(op)) {
      const auto* told = event.as<events::diagnosis>();
      if (told == nullptr) continue;
      const known_call_difference* known = find_known_call_difference(told->name);
      if (known == nullptr) continue;
      calls_excused_.insert(op.number);
      reasons_.emplace(known->reason);
    }
  }

  [[nodiscard]] bool excused(const dmalab::operation& op) const {
    return excused_.contains(op.number);
  }

  [[nodiscard]] class_result compare_operations() const {
    sides s;
    for (const dmalab::outcome& o : outcomes_) {
      const dmalab::operation& op = *o.op;
      const bool state = op.state.has_value();
      const std::string result = o.bug.empty() ? o.result : o.bug;
      s.add(result_excused_.contains(op.number),
            {{op.line,
              dmalab::outcome_line(op, op.result.value_or(""), state ? op.state->list_size : 0,
                                   state && op.state->timer_on)}},
            {{op.line, dmalab::outcome_line(op, result, o.list_size, o.timer_on)}});
    }
    for (size_t i = outcomes_.size(); i < script_.operations.size(); ++i) {
      s.add(false, {{script_.operations[i].line, heading(script_.operations[i])}}, {});
    }
    return result_of("operations", script_file, s);
  }

  [[nodiscard]] static numbered_lines captured_log(const dmalab::operation& op) {
    numbered_lines raw;
    for (const dmalab::log_record& record : op.ordered_log()) {
      raw.push_back({record.line, record.text});
    }
    return driver_lines(raw);
  }

  [[nodiscard]] numbered_lines our_log(const dmalab::outcome& o) const {
    const auto& log = run_->system->env().log.lines();
    std::vector<std::string> texts;
    for (size_t i = o.first_log; i < o.last_log; ++i) {
      if (log[i].level != log_level::debug) texts.push_back(log[i].text);
    }
    numbered_lines lines = log_of_run(texts);
    for (numbered_line& line : lines) line.line = o.op->line;
    return lines;
  }

  [[nodiscard]] class_result compare_log() const {
    sides s;
    for (const dmalab::outcome& o : outcomes_) {
      s.add(excused(*o.op), headed(*o.op, captured_log(*o.op)), headed(*o.op, our_log(o)));
    }
    return result_of("operations' log", script_file, s);
  }

  /// The lines of one operation, behind one that names it.
  static numbered_lines headed(const dmalab::operation& op, const numbered_lines& lines) {
    numbered_lines all = {{op.line, heading(op)}};
    all.insert(all.end(), lines.begin(), lines.end());
    return all;
  }

  [[nodiscard]] absl::Span<const trace_event> events_of(const dmalab::operation& op) const {
    const auto first = first_event_.find(op.number);
    const auto last = last_event_.find(op.number);
    if (first == first_event_.end() || last == last_event_.end()) return {};
    return absl::MakeConstSpan(run_->recorder.events())
        .subspan(first->second, last->second - first->second);
  }

  void add_hardware(std::vector<class_result>& results) const {
    const auto marks = read_operation_marks(folder_);
    const auto whole = read_trace_lines(folder_, 1, SIZE_MAX);
    if (!marks.ok() || !whole.ok()) {
      const absl::Status& status = marks.ok() ? whole.status() : marks.status();
      results.push_back({"operations' registers", class_result::outcome::unreadable, 0,
                         std::string(status.message())});
      return;
    }
    const page_names captured_names = names(*whole);
    const page_names our_names = names(our_trace());
    sides registers;
    sides queue;
    for (const dmalab::outcome& o : outcomes_) {
      const dmalab::operation& op = *o.op;
      const auto mark = marks->find(op.number);
      hardware_trace captured;
      if (mark != marks->end()) captured = part_of(*whole, mark->second.first, mark->second.second);
      const hardware_trace ours = trace_of_run(events_of(op), {});
      registers.add(excused(op), headed(op, register_lines(captured, captured_names)),
                    headed(op, register_lines(ours, our_names)));
      queue.add(excused(op), headed(op, queue_lines(captured, captured_names)),
                headed(op, queue_lines(ours, our_names)));
    }
    results.push_back(result_of("operations' registers", trace_file, registers));
    results.push_back(result_of("operations' queue", trace_file, queue));
  }

  [[nodiscard]] class_result compare_calls() const {
    absl::StatusOr<function_names> traced = read_traced_functions(folder_);
    if (!traced.ok()) {
      return {"operations' calls", class_result::outcome::not_compared, 0,
              std::string(traced.status().message())};
    }
    sides s;
    for (const dmalab::outcome& o : outcomes_) {
      const dmalab::operation& op = *o.op;
      const auto found = captured_calls_.find(op.number);
      numbered_lines captured;
      if (found != captured_calls_.end()) captured = call_lines(found->second, page_names::exact());
      const numbered_lines ours =
          call_lines(keep_traced(calls_of_run(events_of(op)), *traced), page_names::exact());
      s.add(excused(op) || calls_excused_.contains(op.number), headed(op, captured),
            headed(op, ours));
    }
    return result_of("operations' calls", lab_calls_file, s);
  }

  [[nodiscard]] class_result compare_tables(const std::string& name,
                                            const numbered_lines& ours) const {
    const std::string file = absl::StrCat("pt-", name, ".txt");
    const std::string title = absl::StrCat("tables ", name);
    if (!folder_.has(file)) {
      return {title, class_result::outcome::not_compared, 0, absl::StrCat("no ", file)};
    }
    absl::StatusOr<dumped_tables> captured = dumped_tables::read(folder_, file);
    const auto trace = read_trace_lines(folder_, 1, SIZE_MAX);
    if (!captured.ok() || !trace.ok()) {
      const absl::Status& status = captured.ok() ? trace.status() : captured.status();
      return {title, class_result::outcome::unreadable, 0, std::string(status.message())};
    }
    return compare_lines(title, file, table_lines(*captured, captured->root(), names(*trace)),
                         ours);
  }

  const capture_folder& folder_;
  std::unique_ptr<capture_run> run_;
  trace_subscription recording_;
  size_t start_up_events_ = 0;
  dmalab::script script_;
  bool has_calls_ = false;
  calls_by_operation captured_calls_;
  std::vector<dmalab::outcome> outcomes_;
  std::map<uint64_t, size_t> first_event_;
  std::map<uint64_t, size_t> last_event_;
  std::vector<std::pair<std::string, numbered_lines>> tables_;
  std::set<uint64_t> result_excused_;  ///< operations whose result is known to differ
  std::set<uint64_t> excused_;         ///< operations that are known to differ
  std::set<uint64_t> calls_excused_;   ///< operations whose calls are known to differ
  std::set<std::string> reasons_;
};

}  // namespace

bool has_dma_script(const capture_folder& folder) {
  return folder.has(script_file);
}

absl::StatusOr<std::vector<class_result>> verify_dma_script(const capture_folder& folder) {
  script_run run(folder);
  if (absl::Status status = run.run(); !status.ok()) return status;
  return run.compare();
}

}  // namespace iommulab::verify
