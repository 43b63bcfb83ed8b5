// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/stop_run.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "lab/clients/group_lines.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/comparison.h"
#include "lab/replay/hardware_trace.h"
#include "lab/replay/interrupt_remapping.h"
#include "lab/replay/log_listing.h"
#include "lab/replay/omissions.h"
#include "lab/replay/page_names.h"
#include "lab/replay/stops/group_listing.h"
#include "lab/replay/stops/later_calls.h"
#include "lab/replay/stops/queue_dump.h"
#include "lab/replay/stops/run_effects.h"
#include "lab/replay/stops/stop_listing.h"
#include "lab/replay/stops/stop_player.h"
#include "lab/replay/stops/stop_steps.h"
#include "lab/replay/stops/tracepoint_file.h"
#include "lab/replay/sysfs_listing.h"
#include "lab/replay/table_dump.h"
#include "platform/machine/parse.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab::verify {
namespace {

using outcome = class_result::outcome;

constexpr const char* stop_log_file = "dmesg.txt";
constexpr std::string_view end_mark = "end";

/// What our run was like at a stop.
struct stop_state {
  std::string name;
  size_t first_line = 0;  ///< of the recording's trace
  size_t last_line = 0;
  size_t first_event = 0;  ///< of our run
  size_t last_event = 0;   ///< one past it
  numbered_lines tables;
};

class stop_run {
 public:
  explicit stop_run(const capture_folder& folder) : folder_(folder) {}

  absl::Status run() {
    if (absl::Status status = read_capture(); !status.ok()) return status;
    if (absl::Status status = start(); !status.ok()) return status;
    if (!run_->outcome.panic.empty()) return absl::OkStatus();
    absl::Status status;
    stopped_ = run_guarded([&] { status = play_stops(); }).line();
    return status;
  }

  absl::StatusOr<std::vector<class_result>> compare() {
    effects_ = effects_of_run(run_->recorder.events());
    our_trace_ = trace_of_run(run_->recorder.events(), {std::string()}, read_values::kept);
    if (run_->result.interrupt_remapping) {
      const interrupt_style style =
          interrupt_style::later(is_scalable_capture(), fault_event_is_early());
      captured_ = without_interrupt_remapping(captured_, start_up_lines_, style);
      our_trace_ = without_interrupt_remapping(our_trace_, start_up_events_, style);
    }
    leave_out_invalid_fields(captured_);
    leave_out_invalid_fields(our_trace_);
    for (const std::string& why : {run_->result.stopped, stopped_}) {
      if (!why.empty()) results_.push_back({"start-up", outcome::different, 0, why, {}});
    }
    compare_accesses("registers", "queue", {"", 1, start_up_lines_, 0, start_up_events_, {}});
    compare_calls();
    for (const stop_state& stop : stops_) {
      if (absl::Status status = compare_stop(stop); !status.ok()) return status;
    }
    compare_log();
    if (absl::Status status = compare_dma_calls(); !status.ok()) return status;
    results_.push_back(omitted_class("switching off", {}));
    return std::move(results_);
  }

 private:
  absl::Status read_capture() {
    auto marks = read_marks(folder_);
    if (!marks.ok()) return marks.status();
    marks_ = *std::move(marks);
    const auto start_up = read_start_up_trace(folder_);
    if (!start_up.ok()) return start_up.status();
    start_up_lines_ = start_up->last_line;
    auto whole = read_trace_lines(folder_, 1, SIZE_MAX);
    if (!whole.ok()) return whole.status();
    auto events = read_tracepoints(folder_);
    if (!events.ok()) return events.status();
    tracepoints_ = *std::move(events);
    auto files = read_dma_api_files(folder_);
    if (!files.ok()) return files.status();
    files_ = *std::move(files);
    auto steps = steps_of_stops(folder_, tracepoints_, files_);
    if (!steps.ok()) return steps.status();
    steps_ = *std::move(steps);
    auto seen = with_unseen_descriptors(folder_, *std::move(whole), tracepoints_);
    if (!seen.ok()) return seen.status();
    captured_ = *std::move(seen);
    return absl::OkStatus();
  }

  [[nodiscard]] bool fault_event_is_early() const {
    return run_->system->profile().fault_event_comes_with_interrupts();
  }

  [[nodiscard]] bool is_scalable_capture() const {
    constexpr uint64_t translation_mode = uint64_t{3} << 10;
    return std::any_of(captured_.accesses.begin(), captured_.accesses.end(),
                       [](const register_access& access) {
                         return access.is_write && access.offset == vtd::rtaddr_reg &&
                                (access.value & translation_mode) != 0;
                       });
  }

  absl::Status start() {
    auto started = run_capture(folder_, stop_player::used_blocks(files_));
    if (!started.ok()) return started.status();
    run_ = *std::move(started);
    start_up_events_ = run_->recorder.events().size();
    recording_ = run_->system->env().trace.subscribe(run_->recorder, compared_events);
    run_->system->generation().take_scattered_pages(true);
    player_.emplace(*run_->system, run_->recorder, files_);
    return absl::OkStatus();
  }

  absl::Status play_stops() {
    size_t last_line = start_up_lines_;
    for (size_t i = 0; i < marks_.size() && marks_[i].name != end_mark; ++i) {
      stop_state stop{marks_[i].name, last_line + 1, marks_[i].line, events(), 0, {}};
      last_line = marks_[i].line;
      if (i == 0) {
        run_->system->load_drivers();
        run_->system->finish_boot();
        run_->system->load_late_drivers();
        read_versions();
      }
      // With every stop but the first the recorder looked around before it went on.
      if (i == 2) read_versions();
      for (; next_step_ < steps_.size() && steps_[next_step_].phase == stop.name; ++next_step_) {
        if (absl::Status status = player_->play(steps_[next_step_]); !status.ok()) return status;
      }
      stop.last_event = events();
      stop.tables = our_tables();
      stops_.push_back(std::move(stop));
      if (i > 0) continue;
      sysfs_ = list_sysfs(run_->system->sysfs());
      domains_ = list_domains_used(run_->system->sysfs());
      group_types_ = list_group_types(run_->system->sysfs());
    }
    return absl::OkStatus();
  }

  void read_versions() {
    constexpr const char* units = "devices/virtual/iommu";
    const sysfs_tree& sysfs = run_->system->sysfs();
    const auto names = sysfs.list(units);
    if (!names.ok()) return;
    for (const std::string& unit : *names) {
      sysfs.read(absl::StrCat(units, "/", unit, "/intel-iommu/version")).IgnoreError();
    }
  }

  [[nodiscard]] size_t events() const { return run_->recorder.events().size(); }

  // ---- Our side

  [[nodiscard]] const vtd_unit* unit() const {
    const auto& units = run_->system->units();
    return units.empty() ? nullptr : units.front().get();
  }

  [[nodiscard]] bool is_scalable_run() const {
    constexpr uint64_t translation_mode = uint64_t{3} << 10;
    return unit() != nullptr && (unit()->peek(vtd_register::rtaddr) & translation_mode) != 0;
  }

  [[nodiscard]] numbered_lines our_tables() const {
    std::optional<uint64_t> root;
    if (const auto latched = unit() == nullptr ? std::nullopt : latched_root_table(*unit())) {
      root = latched->value();
    }
    const hardware_trace trace = trace_of_run(run_->recorder.events(), {std::string()});
    return table_lines(memory_tables(run_->system->memory(), is_scalable_run()), root,
                       page_names::by_appearance(roles_of(trace)));
  }

  // ---- Comparison

  /// The PASID of a fault record (VT-d specification 11.4.14: PV) says something only where its
  /// request had one, which none has outside of scalable mode; QEMU writes ones there.
  void leave_out_invalid_fields(hardware_trace& trace) const {
    constexpr uint64_t last_word = 0xc;
    constexpr uint64_t pasid_value = uint64_t{0xfffff} << 8;
    if (unit() == nullptr || is_scalable_capture()) return;
    const uint64_t record = unit()->config().cap.fault_recording_offset();
    for (register_access& access : trace.accesses) {
      if (access.read && access.offset == record + last_word) *access.read &= ~pasid_value;
    }
  }

  void add_unreadable(std::string_view title, const absl::Status& status) {
    results_.push_back(
        {std::string(title), outcome::unreadable, 0, std::string(status.message()), {}});
  }

  void compare_accesses(const std::string& registers, const std::string& queue,
                        const stop_state& stop) {
    const hardware_trace theirs = part_of(captured_, stop.first_line, stop.last_line);
    const hardware_trace ours = part_of(our_trace_, stop.first_event + 1, stop.last_event);
    const page_names their_names = page_names::by_appearance(roles_of(captured_));
    const page_names our_names = page_names::by_appearance(roles_of(our_trace_));
    results_.push_back(compare_lines(registers, trace_file, register_lines(theirs, their_names),
                                     register_lines(ours, our_names)));
    results_.back().files.emplace_back("vtd-reads.txt");
    results_.push_back(compare_lines(queue, trace_file, queue_lines(theirs, their_names),
                                     queue_lines(ours, our_names)));
  }

  absl::Status compare_stop(const stop_state& stop) {
    compare_accesses(stop.name + " registers", stop.name + " queue", stop);
    if (absl::Status status = compare_ring(stop); !status.ok()) return status;
    const bool with_probes = stop.name != "boot";
    // The start-up's events are the first phase's.
    const size_t first = with_probes ? stop.first_event : 0;
    results_.push_back(compare_lines(
        stop.name + " events", tracepoints_file, event_lines_of(tracepoints_, steps_, stop.name),
        event_lines_of_run(effects_, player_->played(), first, stop.last_event, with_probes)));
    compare_tables(stop);
    if (!with_probes) compare_sysfs();
    return absl::OkStatus();
  }

  void compare_tables(const stop_state& stop) {
    const std::string title = stop.name + " tables";
    const std::string file = absl::StrCat("pt-", stop.name, ".txt");
    const auto dump = dumped_tables::read(folder_, file);
    if (!dump.ok()) return add_unreadable(title, dump.status());
    results_.push_back(compare_lines(
        title, file,
        table_lines(*dump, dump->root(), page_names::by_appearance(roles_of(captured_))),
        stop.tables));
  }

  /// The ring as it would be had our descriptors been handed in among the recording's that
  /// interrupts needed.
  absl::Status compare_ring(const stop_state& stop) {
    const std::string file = absl::StrCat("queue-", stop.name, ".txt");
    const auto dump = read_queue_dump(folder_, file);
    if (!dump.ok()) return dump.status();
    std::vector<std::array<uint64_t, 4>> ours;
    for (const run_effect& effect : effects_) {
      if (effect.event >= stop.last_event) break;
      if (effect.what != run_effect::kind::submission) continue;
      if (const auto s = parse_submission(effect.raw)) ours.push_back(words_of(*s));
    }
    std::vector<std::array<uint64_t, 4>> handed_in;
    size_t next = 0;
    for (const tracepoint& event : tracepoints_) {
      const auto submitted = parse_submission(event.text);
      if (!submitted) continue;
      const bool is_ours = submitted->type != interrupt_submission;
      if (is_later(event.phase, stop.name)) break;
      if (is_ours && next < ours.size()) handed_in.push_back(ours[next++]);
      if (!is_ours) handed_in.push_back(words_of(*submitted));
    }
    handed_in.insert(handed_in.end(), ours.begin() + static_cast<std::ptrdiff_t>(next), ours.end());
    results_.push_back(compare_lines(stop.name + " ring", file, ring_lines(*dump),
                                     ring_lines(ring_of(handed_in, *dump))));
    return absl::OkStatus();
  }

  static std::array<uint64_t, 4> words_of(const submitted_descriptor& s) {
    return {s.words[0], s.words[1], s.words[2], s.words[3]};
  }

  [[nodiscard]] bool is_later(std::string_view phase, std::string_view stop) const {
    const auto index = [&](std::string_view name) {
      return std::find_if(marks_.begin(), marks_.end(),
                          [&](const trace_mark& mark) { return mark.name == name; });
    };
    return index(phase) > index(stop);
  }

  void compare_sysfs() {
    const auto captured = read_sysfs_listing(folder_);
    if (!captured.ok()) return add_unreadable("sysfs", captured.status());
    const auto used = read_domains_used(folder_);
    if (!used.ok()) return add_unreadable("sysfs", used.status());
    numbered_lines theirs = captured->sysfs;
    theirs.insert(theirs.end(), used->begin(), used->end());
    numbered_lines ours = without_targets(sysfs_.sysfs);
    ours.insert(ours.end(), domains_.begin(), domains_.end());
    results_.push_back(compare_lines("sysfs", sysfs_file, theirs, ours));
    results_.push_back(compare_lines("groups", sysfs_file, captured->groups, sysfs_.groups));
    if (!folder_.has(groups_file)) return;
    const auto types = read_group_types(folder_);
    if (!types.ok()) return add_unreadable("group types", types.status());
    results_.push_back(compare_lines("group types", groups_file, *types, group_types_));
  }

  /// As this recorder lists it: no nodes, no targets of the class's links, of the devices' the last
  /// name.
  static numbered_lines without_targets(const numbered_lines& lines) {
    constexpr std::string_view arrow = " -> ";
    numbered_lines kept;
    for (numbered_line line : lines) {
      if (line.text.starts_with("/sys/")) continue;
      const size_t at = line.text.find(arrow);
      if (at != std::string::npos && line.text.starts_with("iommu ")) {
        line.text = line.text.substr(0, at) + " -> (target not recorded)";
      } else if (at != std::string::npos) {
        line.text.erase(at + arrow.size(), line.text.rfind('/') + 1 - at - arrow.size());
      }
      kept.push_back(std::move(line));
    }
    return kept;
  }

  void compare_log() {
    const auto raw = folder_.read_lines(stop_log_file);
    if (!raw.ok()) return add_unreadable("log", raw.status());
    std::vector<std::string> ours;
    for (const log_line& line : run_->system->env().log.lines()) {
      if (line.level != log_level::debug) ours.push_back(line.text);
    }
    results_.push_back(compare_lines("log", stop_log_file, driver_lines(*raw), log_of_run(ours)));
  }

  void compare_calls() {
    constexpr const char* file = "fgraph/boot.txt";
    if (!folder_.has(file)) return;
    const auto tree = read_later_calls(folder_, file);
    if (!tree.ok()) return add_unreadable("calls", tree.status());
    const auto names = read_traced_functions(folder_);
    if (!names.ok()) return add_unreadable("calls", names.status());
    const auto all = absl::MakeConstSpan(run_->recorder.events());
    const size_t boot = stops_.empty() ? start_up_events_ : stops_.front().last_event;
    results_.push_back(compare_lines(
        "calls", file, later_call_lines(*tree),
        later_call_lines(later_calls_of_run(
            all.first(boot), *names,
            {.queue = run_->result.interrupt_remapping,
             .fault_event = run_->result.interrupt_remapping && fault_event_is_early()}))));
  }

  absl::Status compare_dma_calls() {
    for (size_t i = 0; i < files_.size(); ++i) {
      results_.push_back(compare_lines(
          "dma-api " + files_[i].device, files_[i].name, files_[i].lines,
          dma_api_lines_of_run(files_[i], i, head_of(files_[i]), effects_, player_->played())));
    }
    return absl::OkStatus();
  }

  /// The first line of a dma-api file, with our group, type and id.
  [[nodiscard]] std::string head_of(const dma_api_file& file) const {
    std::string group;
    std::string type;
    std::string id;
    const std::string link = absl::StrCat("bus/pci/devices/", file.device, "/iommu_group");
    const auto target = run_->system->sysfs().read_link(link);
    if (target.ok()) {
      group = target->substr(target->rfind('/') + 1);
      type = group_attribute(run_->system->sysfs(), group, "type");
    }
    if (const auto own = id_in_tables(file.device)) id = absl::StrFormat("%d", *own);
    return absl::StrFormat(
        "# device %s group=%s type=%s did=%s driver=%s dma_mask_bits=%d consistent=%d (masks at "
        "the work mark)",
        file.device, group, type, id, file.driver, file.mask_bits, file.coherent_mask_bits);
  }

  /// The domain's id in the device's context entry or in its first PASID's.
  [[nodiscard]] std::optional<uint64_t> id_in_tables(const std::string& name) const {
    constexpr unsigned id_shift = 8;
    constexpr uint64_t id_mask = 0xffff;
    constexpr unsigned functions_of_half = 128;
    const auto slot = parse_pci_address(name);
    const auto root = unit() == nullptr ? std::nullopt : latched_root_table(*unit());
    if (!slot || !root) return std::nullopt;
    const bool scalable = is_scalable_run();
    const memory_tables tables(run_->system->memory(), scalable);
    const auto below = [&](uint64_t pointer, table_level level,
                           unsigned index) -> std::optional<table_entry> {
      if ((pointer & 1) == 0) return std::nullopt;
      return tables.entry(level, pointer & page_mask, index);
    };
    const auto bus = tables.entry(root_level, root->value(), slot->bus);
    if (!bus) return std::nullopt;
    const unsigned devfn = slot->devfn;
    if (!scalable) {
      const auto context = below(bus->low, context_level, devfn);
      if (!context || (context->low & 1) == 0) return std::nullopt;
      return (context->high >> id_shift) & id_mask;
    }
    const auto context = below(devfn < functions_of_half ? bus->low : bus->high,
                               scalable_context_level, devfn % functions_of_half);
    const auto directory = context ? below(context->low, pasid_directory_level, 0) : std::nullopt;
    const auto pasid = directory ? below(directory->low, pasid_table_level, 0) : std::nullopt;
    if (!pasid || (pasid->low & 1) == 0) return std::nullopt;
    return pasid->high & id_mask;
  }

  const capture_folder& folder_;
  std::vector<trace_mark> marks_;
  hardware_trace captured_;
  size_t start_up_lines_ = 0;
  std::vector<tracepoint> tracepoints_;
  std::vector<dma_api_file> files_;
  std::vector<stop_step> steps_;
  size_t next_step_ = 0;
  std::unique_ptr<capture_run> run_;
  size_t start_up_events_ = 0;
  trace_subscription recording_;
  std::optional<stop_player> player_;
  std::vector<stop_state> stops_;
  std::string stopped_;
  sysfs_listing sysfs_;
  numbered_lines domains_;
  numbered_lines group_types_;
  std::vector<run_effect> effects_;
  hardware_trace our_trace_;
  std::vector<class_result> results_;
};

}  // namespace

absl::StatusOr<std::vector<class_result>> verify_stops(const capture_folder& folder) {
  stop_run run(folder);
  if (absl::Status status = run.run(); !status.ok()) return status;
  return run.compare();
}

}  // namespace iommulab::verify
