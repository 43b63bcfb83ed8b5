// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/workload_run.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/panic.h"
#include "lab/replay/api_player.h"
#include "lab/replay/boot_mark.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/dmalab_run.h"
#include "lab/replay/driver_mappings.h"
#include "lab/replay/hotplug_calls.h"
#include "lab/replay/hotplug_player.h"
#include "lab/replay/phase_comparison.h"
#include "lab/replay/sysfs_listing.h"
#include "lab/replay/unseen_drivers.h"
#include "lab/replay/vfio_player.h"
#include "lab/replay/workload_calls.h"
#include "lab/replay/workload_comparison.h"
#include "lab/replay/workload_sides.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

/// Marks of the recorder's own workloads: the disk was read, the network brought up, all taken
/// back.
constexpr std::array<std::string_view, 3> recorder_marks = {"afterdisk", "afternet", "end"};

/// How many unmaps waited when a tree began, if it shows that.
std::optional<int> waiting_at_start(absl::Span<const call_event> tree) {
  for (const call_event& event : tree) {
    if (event.what != call_event::kind::note) continue;
    for (const auto& [note, key] :
         {std::pair<std::string_view, std::string_view>{"add_unmap ", " size="},
          {"flush_unmaps ", " list_size="}}) {
      const size_t at = event.text.find(key);
      if (!event.text.starts_with(note) || at == std::string::npos) continue;
      const auto size = parse_number(event.text.substr(at + key.size()));
      if (size) return static_cast<int>(*size);
    }
  }
  return std::nullopt;
}

class workload_run {
 public:
  workload_run(const capture_folder& folder, system_watcher watcher)
      : folder_(folder), watcher_(std::move(watcher)), sides_(folder) {}

  absl::Status run() {
    if (absl::Status status = read_capture(); !status.ok()) return status;
    if (absl::Status status = start(); !status.ok()) return status;
    if (!run_->outcome.panic.empty()) return absl::OkStatus();
    absl::Status status;
    played_.stopped = run_guarded([&] { status = play_phases(); }).line();
    return status;
  }

  [[nodiscard]] std::vector<class_result> compare() const {
    return compare_workload(folder_, sides_, *calls_, *run_, played_);
  }

 private:
  absl::Status read_capture() {
    if (absl::Status status = sides_.read(); !status.ok()) return status;
    auto calls = workload_calls::find(folder_);
    if (!calls.ok()) return calls.status();
    calls_.emplace(*std::move(calls));
    return folder_.has(steps_file) ? read_steps() : absl::OkStatus();
  }

  /// The steps, the marks that they end at, and what drivers did in them.
  absl::Status read_steps() {
    auto script = read_hotplug_script(folder_);
    if (!script.ok()) return script.status();
    steps_ = std::move(script->steps);
    auto ends = steps_of_marks(steps_, absl::MakeConstSpan(sides_.marks()).subspan(1),
                               folder_.file_path(marks_file));
    if (!ends.ok()) return ends.status();
    step_ends_ = *std::move(ends);
    if (!calls_->has(hotplug_graph)) return absl::OkStatus();
    std::vector<std::string_view> marks;
    for (size_t i = 0, mark = 0; i < steps_.size(); ++i) {
      while (mark < step_ends_.size() && step_ends_[mark] < i) ++mark;
      marks.push_back(mark < step_ends_.size() ? sides_.marks()[mark + 1].name
                                               : std::string_view());
    }
    auto made = read_hotplug_calls(*calls_, marks);
    if (!made.ok()) return made.status();
    step_calls_ = *std::move(made);
    return absl::OkStatus();
  }

  absl::Status start() {
    auto held_back = calls_->used_blocks();
    if (!held_back.ok()) return held_back.status();
    held_back->insert(held_back->end(), step_calls_.used_blocks.begin(),
                      step_calls_.used_blocks.end());
    auto started = run_capture(folder_, *held_back, watcher_);
    if (!started.ok()) return started.status();
    run_ = *std::move(started);
    sides_.set_run(*run_);
    recording_ = run_->system->env().trace.subscribe(run_->recorder, compared_events);
    player_.emplace(*run_->system, played_.differences);
    return absl::OkStatus();
  }

  absl::Status play_phases() {
    for (size_t i = 0; i < sides_.marks().size(); ++i) {
      played_phase p = phase_at(i);
      p.first_event = p.first_call = events();
      played_.phases.push_back(std::move(p));
      if (absl::Status status = play_phase(i); !status.ok()) return status;
      if (absl::Status status = finish(played_.phases.back()); !status.ok()) return status;
      if (has_dma_script(folder_)) break;  // further marks are the script's
    }
    return absl::OkStatus();
  }

  [[nodiscard]] played_phase phase_at(size_t index) const {
    const std::string& mark = sides_.marks()[index].name;
    played_phase p;
    p.name = p.mark = mark;
    p.lines = sides_.lines_before_mark(index);
    if (index == 0) p.graph = std::string(boot_phase.graph);
    for (const workload_phase& known : workload_phases) {
      if (index == 0 || known.mark != mark || !calls_->has(known.graph)) continue;
      p.name = std::string(known.name);
      p.graph = std::string(known.graph);
      break;
    }
    return p;
  }

  absl::Status play_phase(size_t index) {
    played_phase& p = played_.phases.back();
    if (index > 0) p.unknown = played_.phases[index - 1].unknown;
    if (!p.unknown.empty()) return absl::OkStatus();
    if (index == 0) return play_boot(p);
    if (!steps_.empty()) return play_steps(index - 1);
    if (!p.graph.empty()) return play_tree(p);
    if (is_unseen(p)) return absl::OkStatus();
    p.unknown = absl::StrCat("nothing here says what was done before the mark ", p.mark);
    return absl::OkStatus();
  }

  /// Whether one of the recorder's workloads ran, and left nothing but flushes.
  [[nodiscard]] bool is_unseen(const played_phase& p) const {
    if (std::find(recorder_marks.begin(), recorder_marks.end(), p.mark) == recorder_marks.end()) {
      return false;
    }
    const hardware_trace part = sides_.captured(p.lines);
    const bool nothing = part.accesses.empty() && part.descriptors.empty();
    return nothing || !folder_.has(tables_file(p));
  }

  absl::Status play_boot(played_phase& p) {
    if (calls_->known()) {
      enter(p);
      return play_to_boot_mark(*run_->system, *calls_,
                               [this](const api_call& call) { return play(call); });
    }
    const hardware_trace part = sides_.captured(p.lines);
    // Without the reads of the version with which the recorder looked around.
    if (part.accesses.size() > run_->system->units().size()) {
      p.unknown = absl::StrCat("no ", folder_.path(),
                               ".calls beside it, nor another run of these devices with a call "
                               "tree, that has what drivers did");
    }
    return play_to_boot_mark(*run_->system, folder_, *player_);
  }

  void enter(const played_phase& p) { played_.differences.enter(p.name, calls_->path_of(p.graph)); }

  absl::Status play_tree(played_phase& p) {
    const workload_phase phase{p.name, p.graph, p.mark};
    const auto tree = calls_->tree(phase);
    if (!tree.ok()) return tree.status();
    const auto calls = calls_->calls(phase);
    if (!calls.ok()) return calls.status();
    if (timer_came_first(*tree)) player_->let_timer_expire();
    p.first_call = events();
    enter(p);
    if (p.graph == vfio_graph) return play_vfio(*tree);
    for (const api_call& call : *calls) {
      if (absl::Status status = play(call); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status play_vfio(absl::Span<const call_event> tree) {
    const auto calls = calls_->vfio_calls(tree);
    if (!calls.ok()) return calls.status();
    if (!played_.vfio) {
      auto transfers = read_edu_transfers(folder_);
      if (!transfers.ok()) return transfers.status();
      played_.vfio.emplace(*run_->system, *std::move(transfers), played_.differences);
    }
    return played_.vfio->play(*calls);
  }

  /// The steps up to the one that ends at the mark, `index` marks behind the boot mark.
  absl::Status play_steps(size_t index) {
    if (!played_.hotplug) {
      played_.hotplug.emplace(*run_->system, folder_.file_path(steps_file), played_.differences);
      played_.first_step_event = events();
      played_.hotplug_tree = std::move(step_calls_.tree);
    }
    if (step_calls_.steps.empty()) {
      played_.phases.back().unknown = "no call tree here says what drivers did in the steps";
      return absl::OkStatus();
    }
    played_.differences.enter("hotplug", calls_->path_of(hotplug_graph));
    for (; next_step_ <= step_ends_[index]; ++next_step_) {
      absl::Status status =
          played_.hotplug->perform(steps_[next_step_], std::move(step_calls_.steps[next_step_]),
                                   [this](const api_call& call) { return play(call); });
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status play(const api_call& call) {
    const bool is_timer = call.what == api_call::kind::unmap_timer;
    if (is_timer && !calls_->own() && !is_behind()) return absl::OkStatus();
    return player_->play(call);
  }

  [[nodiscard]] size_t events() const { return run_->recorder.events().size(); }

  /// Whether unmaps that waited when a phase began were flushed before its first call.
  [[nodiscard]] bool timer_came_first(absl::Span<const call_event> tree) const {
    const int waiting = unmaps_waiting(*run_->system);
    if (waiting == 0) return false;
    if (!calls_->own()) return captured_descriptors() > 0;
    const std::optional<int> size = waiting_at_start(tree);
    return size && *size < waiting;
  }

  [[nodiscard]] size_t captured_descriptors() const {
    return sides_.captured(played_.phases.back().lines).descriptors.size();
  }

  /// Whether the phase's queue has had more descriptors in the capture than with us so far.
  [[nodiscard]] bool is_behind() const {
    const auto& all = run_->recorder.events();
    const auto first = static_cast<std::ptrdiff_t>(played_.phases.back().first_event);
    const auto ours = std::count_if(all.begin() + first, all.end(), [](const trace_event& e) {
      return e.kind() == trace_kind::descriptor;
    });
    return static_cast<size_t>(ours) < captured_descriptors();
  }

  absl::Status flush_unseen(const played_phase& p) {
    if (!p.graph.empty() || !p.unknown.empty() || !steps_.empty() ||
        !folder_.has(boot_tables_file)) {
      return absl::OkStatus();
    }
    auto mapped = functions_mapped_at_boot(folder_);
    if (!mapped.ok()) return mapped.status();
    unseen_drivers drivers(*run_->system, *player_, *std::move(mapped));
    while (is_behind() && drivers.flush_once()) {
    }
    return absl::OkStatus();
  }

  absl::Status finish(played_phase& p) {
    p.last_call = events();
    while (unmaps_waiting(*run_->system) > 0 && is_behind()) player_->let_timer_expire();
    if (absl::Status status = flush_unseen(p); !status.ok()) return status;
    p.last_event = events();
    if (p.unknown.empty() && folder_.has(tables_file(p))) p.tables = sides_.our_tables();
    if (played_.phases.size() > 1) return absl::OkStatus();
    played_.domains_at_boot = list_domains_used(run_->system->sysfs());
    played_.said_at_boot = said_since_start_up(*run_);
    return absl::OkStatus();
  }

  const capture_folder& folder_;
  system_watcher watcher_;
  workload_sides sides_;
  std::optional<workload_calls> calls_;
  std::vector<hotplug_step> steps_;
  std::vector<size_t> step_ends_;  ///< for each mark behind the boot mark
  hotplug_calls step_calls_;
  size_t next_step_ = 0;
  std::unique_ptr<capture_run> run_;
  trace_subscription recording_;
  std::optional<api_player> player_;
  played_workload played_;
};

}  // namespace

bool has_workload(const capture_folder& folder) {
  return folder.has(marks_file);
}

absl::StatusOr<std::vector<class_result>> verify_workload(const capture_folder& folder,
                                                          system_watcher watcher) {
  workload_run run(folder, std::move(watcher));
  if (absl::Status status = run.run(); !status.ok()) return status;
  return run.compare();
}

}  // namespace iommulab::verify
