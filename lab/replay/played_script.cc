// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/played_script.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "lab/replay/api_calls.h"
#include "lab/replay/api_player.h"
#include "lab/replay/boot_mark.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/log_listing.h"
#include "lab/replay/table_dump.h"

namespace iommulab::verify {
namespace {

bool is_dump(const dmalab::operation& op) {
  return op.words[0] == "sync" && op.words.size() > 1;
}

}  // namespace

absl::Status played_script::play() {
  if (absl::Status status = read(); !status.ok()) return status;
  if (absl::Status status = start(); !status.ok()) return status;
  return run_->outcome.panic.empty() ? run_operations() : absl::OkStatus();
}

absl::Status played_script::run_operations() {
  dmalab::session_hooks hooks;
  if (has_calls_) {
    hooks.pages = [this](const dmalab::operation& op) {
      return requested_pages(captured_calls(op).events);
    };
  }
  hooks.begins = [this](const dmalab::operation&) {
    events_.emplace_back(run_->recorder.events().size(), 0);
  };
  hooks.ends = [this](const dmalab::outcome& o) {
    events_.back().second = run_->recorder.events().size();
    if (is_dump(*o.op)) dump_tables(o.op->words[1]);
    return true;
  };
  auto outcomes = dmalab::run_session(*run_->system, script_, hooks);
  recording_.end();
  if (dmalab::is_refused_by_system(outcomes.status())) {
    differences_.enter("operations'", folder_.file_path(script_file));
    differences_.add(0, "a script that ran", std::string(outcomes.status().message()));
    return absl::OkStatus();
  }
  if (!outcomes.ok()) return outcomes.status();
  outcomes_ = *std::move(outcomes);
  return absl::OkStatus();
}

absl::Status played_script::read() {
  auto read = dmalab::read_script(folder_.file_path(script_file));
  if (!read.ok()) return read.status();
  script_ = *std::move(read);
  if (absl::Status status = check_dumps(); !status.ok()) return status;
  has_calls_ = folder_.has(lab_calls_file);
  if (!has_calls_) return absl::OkStatus();
  auto calls = read_operation_calls(folder_, script_);
  if (!calls.ok()) return calls.status();
  captured_calls_ = *std::move(calls);
  return absl::OkStatus();
}

/// Where a script has tables dumped there is a mark, and the other way round.
absl::Status played_script::check_dumps() const {
  const auto marks = read_marks(folder_);
  if (!marks.ok()) return marks.status();
  std::set<std::string> marked;
  for (const trace_mark& mark : *marks) marked.insert(mark.name);
  std::set<std::string> dumped = {"boot", "end"};
  for (const dmalab::operation& op : script_.operations) {
    if (!is_dump(op)) continue;
    dumped.insert(op.words[1]);
    if (marked.contains(op.words[1])) continue;
    return line_error(
        folder_.file_path(marks_file), 0, "mark", op.words[1],
        absl::StrFormat("it is missing, and line %d of %s makes it", op.line, script_.path));
  }
  for (const trace_mark& mark : *marks) {
    if (dumped.contains(mark.name)) continue;
    return line_error(folder_.file_path(marks_file), 0, "mark", mark.name,
                      absl::StrFormat("no operation of %s makes it", script_.path));
  }
  return absl::OkStatus();
}

absl::Status played_script::start() {
  auto started = run_capture(folder_);
  if (!started.ok()) return started.status();
  run_ = *std::move(started);
  if (!run_->outcome.panic.empty()) {
    differences_.enter("operations'", folder_.file_path(script_file));
    differences_.add(0, "a script that ran", "the kernel had stopped: " + run_->outcome.panic);
    return absl::OkStatus();
  }
  kernel& system = *run_->system;
  // A hundred thousand operations are millions of calls: kept only where they are compared.
  recording_ =
      system.env().trace.subscribe(run_->recorder, has_calls_ ? compared_events : compared_effects);
  api_player player(system, differences_);
  if (absl::Status status = play_to_boot_mark(system, folder_, player); !status.ok()) {
    return status;
  }
  first_event_ = run_->recorder.events().size();
  return absl::OkStatus();
}

void played_script::dump_tables(const std::string& name) {
  std::optional<uint64_t> root;
  for (const auto& unit : run_->system->units()) {
    if (const auto latched = latched_root_table(*unit)) root = latched->value();
  }
  tables_.emplace_back(
      name, table_lines(memory_tables(run_->system->memory()), root, names(our_trace())));
}

absl::Span<const trace_event> played_script::events_of(size_t index) const {
  const auto& [first, last] = events_[index];
  return absl::MakeConstSpan(run_->recorder.events()).subspan(first, last - first);
}

absl::Span<const trace_event> played_script::events_before(size_t index) const {
  const size_t from = index == 0 ? first_event_ : events_[index - 1].second;
  return absl::MakeConstSpan(run_->recorder.events()).subspan(from, events_[index].first - from);
}

numbered_lines played_script::our_log(const dmalab::outcome& o) const {
  const auto& log = run_->system->env().log.lines();
  std::vector<std::string> texts;
  for (size_t i = o.first_log; i < o.last_log; ++i) {
    if (log[i].level != log_level::debug) texts.push_back(log[i].text);
  }
  numbered_lines lines = log_of_run(texts);
  for (numbered_line& line : lines) line.line = o.op->line;
  return lines;
}

page_names played_script::names(const hardware_trace& trace) const {
  return has_calls_ ? page_names::exact() : page_names::by_appearance(roles_of(trace));
}

hardware_trace played_script::our_trace() const {
  return trace_of_run(run_->recorder.events(), {});
}

}  // namespace iommulab::verify
