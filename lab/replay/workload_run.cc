// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/workload_run.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/panic.h"
#include "lab/replay/api_player.h"
#include "lab/replay/boot_mark.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/dmalab_run.h"
#include "lab/replay/hardware_trace.h"
#include "lab/replay/hotplug_run.h"
#include "lab/replay/interrupt_remapping.h"
#include "lab/replay/log_listing.h"
#include "lab/replay/sysfs_listing.h"
#include "lab/replay/table_dump.h"
#include "lab/replay/vfio_player.h"
#include "lab/replay/workload_calls.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

using outcome = class_result::outcome;

/// The part of a run between two marks.
struct played_phase {
  workload_phase phase;
  line_range lines;        ///< of the capture's trace
  size_t first_event = 0;  ///< of our run
  size_t first_call = 0;   ///< where what the tree shows begins
  size_t last_call = 0;    ///< one past it
  size_t last_event = 0;   ///< one past the phase
  numbered_lines tables;   ///< at its end
};

/// How many unmaps waited when a tree began, if it shows that.
std::optional<int> waiting_at_start(absl::Span<const call_event> tree) {
  for (const call_event& event : tree) {
    if (event.what != call_event::kind::note) continue;
    for (const auto& [note, key] :
         {std::pair<std::string_view, std::string_view>{"add_unmap ", " size="},
          {"flush_unmaps ", " list_size="}}) {
      const size_t at = event.text.find(key);
      uint64_t size = 0;
      if (event.text.starts_with(note) && at != std::string::npos &&
          parse_number(event.text.substr(at + key.size()), size)) {
        return static_cast<int>(size);
      }
    }
  }
  return std::nullopt;
}

class workload_run {
 public:
  workload_run(const capture_folder& folder, system_watcher watcher)
      : folder_(folder), watcher_(std::move(watcher)) {}

  absl::Status run() {
    if (absl::Status status = read_capture(); !status.ok()) return status;
    auto started = start();
    if (!started.ok()) return started;
    if (!run_->outcome.panic.empty()) return absl::OkStatus();
    player_.emplace(*run_->system);
    try {
      return play_phases();
    } catch (const kernel_bug& bug) {
      stopped_ = absl::StrCat("BUG: ", bug.what());
      return absl::OkStatus();
    }
  }

  [[nodiscard]] std::vector<class_result> compare() const {
    std::vector<class_result> results;
    if (!stopped_.empty()) results.push_back({"workload", outcome::different, 0, stopped_});
    const hardware_trace ours = our_trace();
    for (const played_phase& p : phases_) {
      const bool idle = p.phase.graph.empty() && is_known(p);
      if (idle && !folder_.has(tables_file(p))) continue;  // nothing happened, nothing was dumped
      add_calls(p, results);
      add_hardware(p, ours, results);
      if (p.phase.mark == boot_phase.mark) {
        results.push_back(compare_domains());
        results.push_back(compare_log("boot log", log_file(folder_), said_at_boot_));
      }
      results.push_back(compare_tables(p));
    }
    if (vfio_) {
      results.push_back(compare_client());
      results.push_back(compare_log("vfio log", client_file, said()));
    }
    return results;
  }

 private:
  absl::Status read_capture() {
    auto marks = read_marks(folder_);
    if (!marks.ok()) return marks.status();
    marks_ = *std::move(marks);
    auto calls = workload_calls::find(folder_);
    if (!calls.ok()) return calls.status();
    calls_.emplace(*std::move(calls));
    if (!folder_.has(trace_file)) return absl::OkStatus();
    auto start_up = read_start_up_trace(folder_);
    if (!start_up.ok()) return start_up.status();
    start_up_lines_ = start_up->last_line;
    auto whole = read_trace_lines(folder_, 1, SIZE_MAX);
    if (!whole.ok()) return whole.status();
    captured_ = *std::move(whole);
    return absl::OkStatus();
  }

  absl::Status start() {
    const auto held_back = calls_->used_blocks();
    if (!held_back.ok()) return held_back.status();
    auto started = run_capture(folder_, *held_back, watcher_);
    if (!started.ok()) return started.status();
    run_ = *std::move(started);
    if (run_->result.interrupt_remapping) captured_ = without_interrupt_remapping(captured_);
    recording_ = run_->system->env().trace.subscribe(
        run_->recorder, trace_class::calls | trace_class::regs | trace_class::queue);
    return absl::OkStatus();
  }

  absl::Status play_phases() {
    for (const trace_mark& mark : marks_) {
      line_range lines = *lines_before(marks_, mark.name);
      if (mark.name == boot_phase.mark) lines.first = start_up_lines_ + 1;
      played_phase p;
      p.phase = phase_before(mark.name);
      p.lines = lines;
      p.first_event = p.first_call = run_->recorder.events().size();
      phases_.push_back(p);
      absl::Status status =
          mark.name == boot_phase.mark ? play_boot() : play_workload(phases_.back());
      if (!status.ok()) return status;
      finish(phases_.back());
      if (!is_known(phases_.back())) break;
      if (has_dma_script(folder_) || has_hotplug_steps(folder_)) break;  // further marks are theirs
    }
    return absl::OkStatus();
  }

  /// Whether anybody knows what drivers did in the phase: nothing, where hardware saw nothing.
  [[nodiscard]] bool is_known(const played_phase& p) const {
    if (!p.phase.graph.empty()) return calls_->known();
    const hardware_trace part = part_of(captured_, p.lines.first, p.lines.last);
    return part.accesses.empty() && part.descriptors.empty();
  }

  /// The workload whose end the mark is; one without a graph when none has calls.
  [[nodiscard]] workload_phase phase_before(const std::string& mark) const {
    if (mark == boot_phase.mark) return boot_phase;
    for (const workload_phase& phase : workload_phases) {
      if (phase.mark == mark && calls_->has(phase.graph)) return phase;
    }
    const trace_mark& found = *std::find_if(marks_.begin(), marks_.end(),
                                            [&](const trace_mark& m) { return m.name == mark; });
    return {found.name, "", found.name};
  }

  absl::Status play_boot() {
    if (!calls_->known()) return play_to_boot_mark(*run_->system, folder_, *player_);
    return play_to_boot_mark(*run_->system, *calls_,
                             [this](const api_call& call) { return play(call); });
  }

  absl::Status play_workload(played_phase& p) {
    if (p.phase.graph.empty()) return absl::OkStatus();
    const auto tree = calls_->tree(p.phase);
    if (!tree.ok()) return tree.status();
    const auto calls = calls_->calls(p.phase);
    if (!calls.ok()) return calls.status();
    if (timer_came_first(*tree)) player_->let_timer_expire();
    p.first_call = run_->recorder.events().size();
    if (p.phase.graph == vfio_graph) return play_vfio(*tree);
    for (const api_call& call : *calls) {
      if (absl::Status status = play(call); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status play_vfio(absl::Span<const call_event> tree) {
    const auto calls = calls_->vfio_calls(tree);
    if (!calls.ok()) return calls.status();
    if (!vfio_) {
      auto transfers = read_edu_transfers(folder_);
      if (!transfers.ok()) return transfers.status();
      vfio_.emplace(*run_->system, *std::move(transfers));
    }
    return vfio_->play(*calls);
  }

  absl::Status play(const api_call& call) {
    const bool is_timer = call.what == api_call::kind::unmap_timer;
    if (is_timer && !calls_->own() && !is_behind()) return absl::OkStatus();
    return player_->play(call);
  }

  [[nodiscard]] int waiting() const {
    v4_4::intel_driver& driver = run_->system->driver();
    const spin_guard guard(driver.deferred.async_umap_flush_lock);
    return driver.deferred.timer_on ? driver.deferred.list_size : 0;
  }

  /// Whether unmaps that waited when a phase began were flushed before its first call.
  [[nodiscard]] bool timer_came_first(absl::Span<const call_event> tree) const {
    if (waiting() == 0) return false;
    if (!calls_->own()) return captured_descriptors() > 0;
    const std::optional<int> size = waiting_at_start(tree);
    return size && *size < waiting();
  }

  [[nodiscard]] size_t captured_descriptors() const {
    const line_range& lines = phases_.back().lines;
    return part_of(captured_, lines.first, lines.last).descriptors.size();
  }

  /// Whether the phase's queue has had more descriptors in the capture than with us so far.
  [[nodiscard]] bool is_behind() const {
    const auto& events = run_->recorder.events();
    const auto ours = std::count_if(
        events.begin() + static_cast<std::ptrdiff_t>(phases_.back().first_event), events.end(),
        [](const trace_event& e) { return e.kind() == trace_kind::descriptor; });
    return static_cast<size_t>(ours) < captured_descriptors();
  }

  void finish(played_phase& p) {
    p.last_call = run_->recorder.events().size();
    while (waiting() > 0 && is_behind()) player_->let_timer_expire();
    p.last_event = run_->recorder.events().size();
    if (folder_.has(tables_file(p))) {
      std::optional<uint64_t> root;
      for (const auto& unit : run_->system->units()) {
        if (const auto latched = latched_root_table(*unit)) root = latched->value();
      }
      p.tables = table_lines(memory_tables(run_->system->memory()), root, names(our_trace()));
    }
    if (p.phase.mark == boot_phase.mark) {
      domains_ = list_domains_used(run_->system->sysfs());
      said_at_boot_ = said();
    }
  }

  [[nodiscard]] page_names names(const hardware_trace& trace) const {
    if (folder_.has_recorded_calls() && run_->result.pages_replayed) return page_names::exact();
    // Without the capture's trace nobody knows which of its pages are which.
    if (!folder_.has(trace_file)) return page_names::by_appearance({});
    return page_names::by_appearance(roles_of(trace));
  }

  /// All that our hardware saw; an item's line is the event's number.
  [[nodiscard]] hardware_trace our_trace() const {
    const hardware_trace trace = trace_of_run(run_->recorder.events(), {});
    return run_->result.interrupt_remapping ? without_interrupt_remapping(trace) : trace;
  }

  static std::string tables_file(const played_phase& p) {
    return absl::StrCat("pt-", std::string(p.phase.mark), ".txt");
  }

  static class_result not_compared(const std::string& title, std::string_view reason) {
    return {title, outcome::not_compared, 0, std::string(reason)};
  }
  static class_result unreadable(const std::string& title, const absl::Status& status) {
    return {title, outcome::unreadable, 0, std::string(status.message())};
  }
  [[nodiscard]] std::string no_calls() const {
    if (calls_->known()) return "no graph of what drivers did then";
    return absl::StrCat("no ", folder_.path(), ".calls beside it that has what drivers did");
  }

  /// A function that made calls while drivers came, and has no driver: its driver gave up, of which
  /// the capture says no more. Empty when there is none.
  [[nodiscard]] std::string abandoned_function() const {
    const auto calls = calls_->calls(boot_phase);
    if (!calls.ok()) return {};
    for (const api_call& call : *calls) {
      const device* dev = find_pci_device(*run_->system, call.device);
      if (dev != nullptr && dev->driver.empty()) return call.device;
    }
    return {};
  }

  void add_calls(const played_phase& p, std::vector<class_result>& results) const {
    const std::string title = absl::StrCat(std::string(p.phase.name), " calls");
    if (p.phase.graph.empty()) return;
    if (!folder_.has(p.phase.graph)) {
      results.push_back(not_compared(title, absl::StrCat("no ", std::string(p.phase.graph))));
      return;
    }
    const std::string abandoned =
        p.phase.mark == boot_phase.mark ? abandoned_function() : std::string();
    if (!abandoned.empty()) {
      results.push_back(
          not_compared(title, absl::StrCat("no record of the driver that gave up ", abandoned)));
      return;
    }
    const auto tree = calls_->tree(p.phase);
    const auto traced = read_traced_functions(folder_);
    if (!tree.ok()) return results.push_back(unreadable(title, tree.status()));
    if (!traced.ok())
      return results.push_back(not_compared(title, std::string(traced.status().message())));
    const auto events = absl::MakeConstSpan(run_->recorder.events())
                            .subspan(p.first_call, p.last_call - p.first_call);
    results.push_back(
        compare_lines(title, p.phase.graph, call_lines(*tree, names(captured_)),
                      call_lines(keep_traced(calls_of_run(events), *traced), names(our_trace()))));
  }

  void add_hardware(const played_phase& p, const hardware_trace& ours,
                    std::vector<class_result>& results) const {
    const std::string registers = absl::StrCat(std::string(p.phase.name), " registers");
    const std::string queue = absl::StrCat(std::string(p.phase.name), " queue");
    if (!folder_.has(trace_file) || !is_known(p)) {
      const std::string reason = is_known(p) ? absl::StrCat("no ", trace_file) : no_calls();
      results.push_back(not_compared(registers, reason));
      results.push_back(not_compared(queue, reason));
      return;
    }
    const hardware_trace theirs = part_of(captured_, p.lines.first, p.lines.last);
    const hardware_trace part = part_of(ours, p.first_event + 1, p.last_event);
    results.push_back(compare_lines(registers, trace_file, register_lines(theirs, names(captured_)),
                                    register_lines(part, names(ours))));
    results.push_back(compare_lines(queue, trace_file, queue_lines(theirs, names(captured_)),
                                    queue_lines(part, names(ours))));
  }

  /// Whether VFIO may have the IOMMU is not compared where the real kernel had interrupt remapping.
  [[nodiscard]] class_result compare_client() const {
    constexpr const char* title = "vfio client";
    if (!folder_.has(client_file)) return not_compared(title, absl::StrCat("no ", client_file));
    auto captured = read_client_lines(folder_);
    if (!captured.ok()) return unreadable(title, captured.status());
    numbered_lines ours = vfio_->client_lines();
    if (run_->result.interrupt_remapping) {
      const auto is_refusal = [](const numbered_line& l) { return l.text.starts_with("ioctl"); };
      std::erase_if(*captured, is_refusal);
      std::erase_if(ours, is_refusal);
    }
    return compare_lines(title, client_file, *captured, ours);
  }

  [[nodiscard]] class_result compare_domains() const {
    constexpr const char* title = "boot domains";
    if (!folder_.has(sysfs_file)) return not_compared(title, absl::StrCat("no ", sysfs_file));
    const auto captured = read_domains_used(folder_);
    if (!captured.ok()) return unreadable(title, captured.status());
    return compare_lines(title, sysfs_file, *captured, domains_);
  }

  [[nodiscard]] class_result compare_tables(const played_phase& p) const {
    const std::string title = absl::StrCat(std::string(p.phase.name), " tables");
    const std::string file = tables_file(p);
    if (p.phase.graph.empty() && !is_known(p)) return not_compared(title, no_calls());
    if (!folder_.has(file)) return not_compared(title, absl::StrCat("no ", file));
    const auto captured = dumped_tables::read(folder_, file);
    if (!captured.ok()) return unreadable(title, captured.status());
    return compare_lines(title, file, table_lines(*captured, captured->root(), names(captured_)),
                         p.tables);
  }

  /// What the driver has said after start-up, so far.
  [[nodiscard]] std::vector<std::string> said() const {
    std::vector<std::string> lines;
    for (const log_line& line : run_->system->env().log.lines()) {
      if (line.level != log_level::debug) lines.push_back(line.text);
    }
    lines.erase(lines.begin(),
                lines.begin() + static_cast<std::ptrdiff_t>(run_->result.log.size()));
    return lines;
  }

  /// What a file has of the log after start-up.
  [[nodiscard]] class_result compare_log(const std::string& title, const std::string& file,
                                         const std::vector<std::string>& ours) const {
    if (!folder_.has(file)) return not_compared(title, absl::StrCat("no ", file));
    if (!calls_->known()) return not_compared(title, no_calls());
    const auto raw = folder_.read_lines(file);
    if (!raw.ok()) return unreadable(title, raw.status());
    numbered_lines captured = driver_lines(*raw);
    const size_t start_up = keep_start_up(captured).size();
    captured.erase(captured.begin(), captured.begin() + static_cast<std::ptrdiff_t>(start_up));
    return compare_lines(title, file, captured, log_of_run(ours));
  }

  const capture_folder& folder_;
  system_watcher watcher_;
  std::vector<trace_mark> marks_;
  std::optional<workload_calls> calls_;
  hardware_trace captured_;
  size_t start_up_lines_ = 0;
  std::unique_ptr<capture_run> run_;
  trace_subscription recording_;
  std::optional<api_player> player_;
  std::optional<vfio_player> vfio_;
  std::vector<played_phase> phases_;
  numbered_lines domains_;
  std::vector<std::string> said_at_boot_;
  std::string stopped_;
};

}  // namespace

bool has_workload(const capture_folder& folder) {
  if (!folder.has(marks_file)) return false;
  const auto marks = read_marks(folder);
  return !marks.ok() || std::any_of(marks->begin(), marks->end(),
                                    [](const trace_mark& m) { return m.name == boot_phase.mark; });
}

absl::StatusOr<std::vector<class_result>> verify_workload(const capture_folder& folder,
                                                          system_watcher watcher) {
  workload_run run(folder, std::move(watcher));
  if (absl::Status status = run.run(); !status.ok()) return status;
  return run.compare();
}

}  // namespace iommulab::verify
