// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/client_run.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "lab/clients/client_step.h"
#include "lab/clients/effects.h"
#include "lab/clients/group_lines.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/comparison.h"
#include "lab/replay/hardware_trace.h"
#include "lab/replay/known_differences.h"
#include "lab/replay/log_listing.h"
#include "lab/replay/omissions.h"
#include "lab/replay/operation_sides.h"
#include "lab/replay/page_names.h"
#include "lab/replay/stops/client_calls.h"
#include "lab/replay/stops/client_inputs.h"
#include "lab/replay/stops/client_listing.h"
#include "lab/replay/stops/client_recording.h"
#include "lab/replay/stops/later_calls.h"
#include "lab/replay/table_dump.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

using outcome = class_result::outcome;

constexpr const char* sysfs_after_file = "sysfs-after.txt";

class client_run {
 public:
  explicit client_run(const capture_folder& folder) : folder_(folder) {}

  absl::Status run() {
    auto operations = read_client_operations(folder_);
    if (!operations.ok()) return operations.status();
    operations_ = *std::move(operations);
    if (absl::Status status = check_client_marks(folder_, operations_); !status.ok()) return status;
    if (absl::Status status = read_modules(); !status.ok()) return status;
    auto memory = memory_of_client(folder_, operations_);
    if (!memory.ok()) return memory.status();
    memory_ = *std::move(memory);
    auto started = run_capture(folder_, held_back());
    if (!started.ok()) return started.status();
    run_ = *std::move(started);
    start_up_events_ = events();
    if (absl::Status status = read_calls(); !status.ok()) return status;
    recording_ = run_->system->env().trace.subscribe(
        run_->recorder, has_calls_ ? compared_events : compared_effects);
    if (!run_->outcome.panic.empty()) return absl::OkStatus();
    stopped_ = run_guarded([&] { play(); }).line();
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<class_result>> compare() {
    for (const std::string& why : {run_->result.stopped, stopped_}) {
      if (!why.empty()) results_.push_back({"start-up", outcome::different, 0, why, {}});
    }
    if (absl::Status status = compare_start_up(); !status.ok()) return status;
    if (absl::Status status = compare_sysfs(); !status.ok()) return status;
    if (absl::Status status = compare_log(); !status.ok()) return status;
    for (const auto& [mark, ours] : tables_) {
      if (absl::Status status = compare_tables(mark, ours); !status.ok()) return status;
    }
    compare_operations();
    if (has_calls_) compare_calls();
    if (played_ < operations_.size()) {
      results_.push_back({"operations that were not played",
                          outcome::different,
                          0,
                          absl::StrFormat("from operation %d on: %s", played_ + 1, unplayed_),
                          {}});
    }
    return std::move(results_);
  }

 private:
  [[nodiscard]] size_t events() const { return run_->recorder.events().size(); }
  [[nodiscard]] const sysfs_tree& sysfs() const { return run_->system->sysfs(); }

  // ---- Playing

  void play() {
    run_->system->load_drivers();
    run_->system->finish_boot();
    run_->system->load_late_drivers();
    sysfs_at_start_ = client_sysfs_lines(*run_->system);
    take_tables("boot");
    if (absl::Status status = run_->system->load_vfio(modules_); !status.ok()) {
      unplayed_ = std::string(status.message());
      return;
    }
    vfio_client client(*run_->system, {.recorded_pages = [this](std::string_view block) {
      const auto found = memory_.find(block);
      return found == memory_.end() ? std::vector<phys_addr>() : found->second;
    }});
    for (; played_ < operations_.size(); ++played_) {
      const client_operation& operation = operations_[played_];
      const auto step = perform_step(*run_->system, run_->recorder, client, operation.words);
      if (!step.ok()) {
        unplayed_ = std::string(step.status().message());
        return;
      }
      add(operation, *step);
      add_effects(operation, *step);
      if (has_calls_) add_calls(operation, *step);
      if (operation.words[0] == "sync") take_tables(operation.words[1]);
    }
    client.finish();
    sysfs_at_end_ = client_sysfs_lines(*run_->system);
  }

  void add(const client_operation& operation, const client_step& step) {
    const auto line = [&](std::string text) {
      ours_.push_back({ours_.size() + 1, std::move(text)});
    };
    line(absl::StrCat(operation.number, " ", operation.text, " -> ", step.answer.result));
    const known_effect_difference* const known =
        find_known_effect_difference(events_of(run_->recorder, step));
    for (const std::string& text : step.log) {
      if (known != nullptr && text.starts_with(remark_on(*known))) continue;
      if (is_compared_log(text)) line(absl::StrCat("k: ", text));
    }
    for (const std::string& text : step.answer.lines) line(text);
  }

  /// What the port logs of a divergence.
  static std::string remark_on(const known_effect_difference& known) {
    return absl::StrCat("iommulab: ", std::string(known.id), ": ");
  }

  /// Compared as they are, unless our run reports a divergence and they differ.
  void add_effects(const client_operation& operation, const client_step& step) {
    const std::string head = absl::StrCat(operation.number, " ", operation.text, " -> ");
    numbered_lines theirs = {{operation.line, head + operation.result}};
    std::vector<std::string> texts;
    for (const numbered_line& effect : operation.effects) texts.push_back(effect.text);
    for (std::string& text : in_order(std::move(texts))) {
      theirs.push_back({operation.effects.front().line, std::move(text)});
    }
    numbered_lines ours;
    const auto line = [&](std::string text) { ours.push_back({++our_effects_, std::move(text)}); };
    line(head + step.answer.result);
    for (std::string& text : in_order(step.effects)) line(std::move(text));
    const known_effect_difference* const known =
        find_known_effect_difference(events_of(run_->recorder, step));
    if (known == nullptr || same_texts(theirs, ours)) return effects_.add(theirs, ours);
    known_reasons_.emplace(known->reason);
    effects_.add(theirs, ours, without_known_parts(*known, theirs),
                 without_known_parts(*known, ours));
  }

  static bool same_texts(const numbered_lines& a, const numbered_lines& b) {
    return std::equal(
        a.begin(), a.end(), b.begin(), b.end(),
        [](const numbered_line& x, const numbered_line& y) { return x.text == y.text; });
  }

  static numbered_lines without_known_parts(const known_effect_difference& known,
                                            numbered_lines effects) {
    for (numbered_line& effect : effects) {
      effect.text = without_known_part(known, std::move(effect.text));
    }
    return effects;
  }

  absl::Status read_calls() {
    has_calls_ = folder_.has(client_graph_file);
    if (!has_calls_) return absl::OkStatus();
    auto calls = read_client_calls(folder_, operations_);
    if (!calls.ok()) return calls.status();
    their_calls_ = *std::move(calls);
    auto traced = read_traced_functions(folder_);
    if (!traced.ok()) return traced.status();
    traced_ = *std::move(traced);
    return absl::OkStatus();
  }

  void add_calls(const client_operation& operation, const client_step& step) {
    const std::string head = absl::StrCat(operation.number, " ", operation.text);
    our_calls_.push_back({our_calls_.size() + 1, head});
    const std::vector<call_event> calls =
        client_calls_of_run(events_of(run_->recorder, step), traced_);
    for (numbered_line& line : later_call_lines(calls)) our_calls_.push_back(std::move(line));
  }

  void compare_calls() {
    numbered_lines theirs;
    for (size_t i = 0; i < played_; ++i) {
      const client_operation& o = operations_[i];
      const auto found = their_calls_.find(o.number);
      theirs.push_back({0, absl::StrCat(o.number, " ", o.text)});
      if (found == their_calls_.end()) continue;
      for (numbered_line& line : later_call_lines(found->second)) theirs.push_back(std::move(line));
    }
    results_.push_back(compare_lines("operations' calls", client_graph_file, theirs, our_calls_));
  }

  /// Those without an event come first: where they stand is not known.
  static std::vector<std::string> in_order(std::vector<std::string> effects) {
    std::stable_partition(effects.begin(), effects.end(),
                          [](const std::string& text) { return text == unseen_effect; });
    return effects;
  }

  // ---- Tables

  [[nodiscard]] const vtd_unit* unit() const {
    const auto& units = run_->system->units();
    return units.empty() ? nullptr : units.front().get();
  }

  void take_tables(const std::string& mark) {
    constexpr uint64_t translation_mode = uint64_t{3} << 10;
    if (!folder_.has(absl::StrCat("pt-", mark, ".txt"))) return;
    std::optional<uint64_t> root;
    if (const auto latched = unit() == nullptr ? std::nullopt : latched_root_table(*unit())) {
      root = latched->value();
    }
    const bool scalable =
        unit() != nullptr && (unit()->peek(vtd_register::rtaddr) & translation_mode) != 0;
    const hardware_trace trace = trace_of_run(run_->recorder.events(), {std::string()});
    tables_.emplace_back(
        mark, table_lines(memory_tables(run_->system->memory(), scalable), root,
                          page_names::by_appearance(roles_of(trace)), driven_functions()));
  }

  /// Functions whose drivers had mapped memory, of which nothing is known.
  [[nodiscard]] std::vector<uint16_t> driven_functions() const {
    std::vector<uint16_t> found;
    for (const pci_function_config& f : run_->system->machine().pci_functions) {
      const bool maps = !f.captured_driver.empty() && f.captured_driver != "pcieport";
      if (maps) found.push_back(f.id.requester_id());
    }
    return found;
  }

  // ---- Comparison

  absl::Status compare_start_up() {
    const auto theirs = read_start_up_trace(folder_);
    if (!theirs.ok()) return theirs.status();
    const hardware_trace whole =
        trace_of_run(run_->recorder.events(), {std::string()}, read_values::kept);
    const hardware_trace ours = part_of(whole, 1, start_up_events_);
    const page_names their_names = page_names::by_appearance(roles_of(*theirs));
    const page_names our_names = page_names::by_appearance(roles_of(ours));
    results_.push_back(compare_lines("registers", trace_file, register_lines(*theirs, their_names),
                                     register_lines(ours, our_names)));
    results_.push_back(compare_lines("queue", trace_file,
                                     seen_lines(queue_lines(*theirs, their_names)),
                                     seen_lines(queue_lines(ours, our_names))));
    return absl::OkStatus();
  }

  /// QEMU shows no descriptor of PASIDs.
  static numbered_lines seen_lines(numbered_lines lines) {
    std::erase_if(lines, [](const numbered_line& line) {
      return line.text.find(" type pasid-") != std::string::npos;
    });
    return lines;
  }

  absl::Status compare_sysfs() {
    const auto before = folder_.read_lines(sysfs_file);
    if (!before.ok()) return before.status();
    results_.push_back(
        compare_lines("sysfs", sysfs_file, without_modules(*before), sysfs_at_start_));
    if (!folder_.has(sysfs_after_file)) return absl::OkStatus();
    const auto after = folder_.read_lines(sysfs_after_file);
    if (!after.ok()) return after.status();
    results_.push_back(
        compare_lines("sysfs behind the client", sysfs_after_file, *after, sysfs_at_end_));
    return absl::OkStatus();
  }

  /// They are loaded only later here.
  static numbered_lines without_modules(numbered_lines lines) {
    std::erase_if(
        lines, [](const numbered_line& line) { return line.text.starts_with("  /sys/module/"); });
    return lines;
  }

  absl::Status compare_log() {
    constexpr const char* file = "dmesg.txt";
    const auto raw = folder_.read_lines(file);
    if (!raw.ok()) return raw.status();
    results_.push_back(
        compare_lines("log", file, driver_lines(*raw), log_of_run(log_since(*run_->system, 0))));
    return absl::OkStatus();
  }

  absl::Status compare_tables(const std::string& mark, const numbered_lines& ours) {
    const std::string file = absl::StrCat("pt-", mark, ".txt");
    const auto dump = dumped_tables::read(folder_, file);
    if (!dump.ok()) return dump.status();
    const auto trace = read_start_up_trace(folder_);
    if (!trace.ok()) return trace.status();
    results_.push_back(compare_lines(
        mark + " tables", file,
        with_unknown_pages_named(
            table_lines(*dump, dump->root(), page_names::by_appearance(roles_of(*trace)),
                        driven_functions()),
            memory_),
        with_unknown_pages_named(ours, memory_)));
    return absl::OkStatus();
  }

  void compare_operations() {
    numbered_lines operations;
    for (size_t i = 0; i < played_; ++i) {
      const client_operation& o = operations_[i];
      operations.push_back({o.line, absl::StrCat(o.number, " ", o.text, " -> ", o.result)});
      for (const numbered_line& answer : o.answers) {
        std::string_view text = answer.text;
        if (!take_prefix(text, "k: ") || is_compared_log(text)) operations.push_back(answer);
      }
    }
    results_.push_back(compare_lines("operations", operations_file, operations, ours_));
    results_.push_back(effects_.result("operations' effects", effects_file, known_reasons_));
  }

  /// How the modules were loaded: the script's options, and the variant in the folder's name.
  absl::Status read_modules() {
    const auto options = read_client_options(folder_);
    if (!options.ok()) return options.status();
    modules_ = *options;
    return absl::OkStatus();
  }

  /// Memory of the client: nobody else gets it before.
  [[nodiscard]] std::vector<page_block> held_back() const {
    std::set<uint64_t> pages;
    for (const auto& [name, block] : memory_) {
      for (const phys_addr page : block) {
        if (page != phys_addr()) pages.insert(page.value());
      }
    }
    std::vector<page_block> blocks;
    for (const uint64_t page : pages) blocks.push_back({phys_addr(page), page_size});
    return blocks;
  }

  const capture_folder& folder_;
  std::vector<client_operation> operations_;
  std::unique_ptr<capture_run> run_;
  size_t start_up_events_ = 0;
  trace_subscription recording_;
  std::string stopped_;
  size_t played_ = 0;
  std::string unplayed_;  ///< why not all was
  bool has_calls_ = false;
  std::map<unsigned, std::vector<call_event>> their_calls_;  ///< by the operation's number
  function_names traced_;
  numbered_lines our_calls_;
  vfio_module_options modules_;
  client_memory memory_;
  numbered_lines sysfs_at_start_;
  numbered_lines sysfs_at_end_;
  std::vector<std::pair<std::string, numbered_lines>> tables_;  ///< by mark, in order
  numbered_lines ours_;
  operation_sides effects_;
  size_t our_effects_ = 0;               ///< lines so far
  std::set<std::string> known_reasons_;  ///< why effects differ in one part
  std::vector<class_result> results_;
};

}  // namespace

absl::StatusOr<std::vector<class_result>> verify_client(const capture_folder& folder) {
  client_run run(folder);
  if (absl::Status status = run.run(); !status.ok()) return status;
  return run.compare();
}

}  // namespace iommulab::verify
