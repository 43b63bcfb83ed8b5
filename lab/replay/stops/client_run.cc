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
#include "lab/replay/api_player.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/comparison.h"
#include "lab/replay/hardware_trace.h"
#include "lab/replay/log_listing.h"
#include "lab/replay/omissions.h"
#include "lab/replay/page_names.h"
#include "lab/replay/stops/client_script.h"
#include "lab/replay/stops/group_listing.h"
#include "lab/replay/table_dump.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

using outcome = class_result::outcome;

constexpr std::string_view client_groups = "kernel/iommu_groups";

std::string without_newline(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::vector<std::string> names_below(const sysfs_tree& tree, const std::string& path) {
  const auto names = tree.list(path);
  return names.ok() ? *names : std::vector<std::string>();
}

std::vector<std::string> by_number(std::vector<std::string> names) {
  std::stable_sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return parse_number(a).value_or(0) < parse_number(b).value_or(0);
  });
  return names;
}

/// The errno's name, of those that a file of a group can give.
std::string_view errno_word(int number) {
  switch (number) {
    case EPERM:
      return "EPERM";
    case EACCES:
      return "EACCES";
    case EBUSY:
      return "EBUSY";
    case EINVAL:
      return "EINVAL";
    case ENODEV:
      return "ENODEV";
    default:
      return "another error";
  }
}

class client_run {
 public:
  explicit client_run(const capture_folder& folder) : folder_(folder) {}

  absl::Status run() {
    auto operations = read_client_operations(folder_);
    if (!operations.ok()) return operations.status();
    operations_ = *std::move(operations);
    auto marks = read_marks(folder_);
    if (!marks.ok()) return marks.status();
    marks_ = *std::move(marks);
    auto started = run_capture(folder_);
    if (!started.ok()) return started.status();
    run_ = *std::move(started);
    start_up_events_ = events();
    recording_ = run_->system->env().trace.subscribe(run_->recorder, compared_effects);
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
    if (played_ < operations_.size()) {
      results_.push_back(omitted_class("operations of VFIO and iommufd", files_left_out()));
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
    sysfs_at_start_ = list_tree();
    log_at_start_ = log_so_far();
    take_tables("boot");
    for (; played_ < operations_.size(); ++played_) {
      const client_operation& operation = operations_[played_];
      const size_t first = events();
      const std::optional<std::string> result = perform(operation);
      if (!result) return;
      add(operation, *result);
      add_effects(first);
      if (operation.words[0] == "sync") take_tables(operation.words[1]);
    }
  }

  /// What came out; nothing for an operation that needs what is not here.
  std::optional<std::string> perform(const client_operation& operation) {
    const std::vector<std::string>& words = operation.words;
    if (words[0] == "note" || words[0] == "sync" || words[0] == "sysfs") return "ok";
    if (words.size() < 2) return std::nullopt;
    if (words[0] == "dev" && words.size() == 3) {
      devices_[words[1]] = words[2];
      return absl::StrCat("group=", group_of(words[2]));
    }
    const auto device = devices_.find(words[1]);
    if (device == devices_.end()) return std::nullopt;
    if (words[0] == "gtype") return group_type(device->second, words);
    if (words[0] == "unbind" && words.size() == 2) return unbind(device->second);
    if (words[0] == "bind" && words.size() == 3) return bind(device->second, words[2]);
    return std::nullopt;
  }

  [[nodiscard]] std::string group_of(const std::string& device) const {
    for (const std::string& group : names_below(sysfs(), std::string(client_groups))) {
      for (const std::string& member :
           names_below(sysfs(), absl::StrFormat("%s/%s/devices", client_groups, group))) {
        if (member == device) return group;
      }
    }
    return "none";
  }

  std::string group_type(const std::string& device, const std::vector<std::string>& words) {
    const std::string group = group_of(device);
    std::string text;
    if (words.size() > 2) {
      const absl::Status status = run_->system->sysfs().write(
          absl::StrFormat("%s/%s/type", client_groups, group), words[2]);
      text = status.ok() ? absl::StrFormat("r=%d ok ", words[2].size())
                         : absl::StrFormat("r=-1 %s ", errno_word(status_errno(status)));
    }
    return absl::StrCat(text, "type=", group_attribute(sysfs(), group, "type"));
  }

  std::string write_driver_file(const std::string& driver, const char* file,
                                const std::string& device) {
    const absl::Status status =
        run_->system->sysfs().write(absl::StrFormat("bus/pci/drivers/%s/%s", driver, file), device);
    return status.ok() ? absl::StrFormat("r=%d ok", device.size())
                       : absl::StrFormat("r=-1 %s", errno_word(status_errno(status)));
  }

  std::optional<std::string> unbind(const std::string& device) {
    const iommulab::device* dev = find_pci_device(*run_->system, device);
    if (dev == nullptr || dev->driver.empty()) return std::nullopt;
    return write_driver_file(dev->driver, "unbind", device);
  }

  std::optional<std::string> bind(const std::string& device, const std::string& driver) {
    if (!sysfs().exists(absl::StrCat("bus/pci/drivers/", driver))) return std::nullopt;
    const std::string result = write_driver_file(driver, "bind", device);
    const iommulab::device* dev = find_pci_device(*run_->system, device);
    return absl::StrCat(result, " driver=", dev == nullptr ? "" : dev->driver);
  }

  void add(const client_operation& operation, const std::string& result) {
    const auto line = [&](std::string text) {
      ours_.push_back({ours_.size() + 1, std::move(text)});
    };
    line(absl::StrCat(operation.number, " ", operation.text, " -> ", result));
    if (operation.words[0] != "sysfs") return;
    for (const std::string& answer : sysfs_answer()) line(answer);
  }

  void add_effects(size_t first) {
    const auto line = [&](std::string text) {
      our_effects_.push_back({our_effects_.size() + 1, std::move(text)});
    };
    line(ours_.back().text.starts_with("s: ") ? last_operation_line() : ours_.back().text);
    const auto all = absl::MakeConstSpan(run_->recorder.events());
    std::vector<std::string> found;
    for (const trace_event& event : all.subspan(first)) {
      const auto* descriptor = event.as<events::descriptor>();
      if (descriptor == nullptr) continue;
      std::string effect = effect_of_descriptor(descriptor->low, descriptor->high);
      if (!effect.empty()) found.push_back(std::move(effect));
    }
    for (std::string& text : in_order(std::move(found))) line(std::move(text));
  }

  [[nodiscard]] std::string last_operation_line() const {
    for (auto at = ours_.rbegin(); at != ours_.rend(); ++at) {
      if (!at->text.starts_with("s: ")) return at->text;
    }
    return {};
  }

  /// Those without an event come first: where they stand is not known.
  static std::vector<std::string> in_order(std::vector<std::string> effects) {
    std::stable_partition(effects.begin(), effects.end(),
                          [](const std::string& text) { return text == unseen_effect; });
    return effects;
  }

  [[nodiscard]] std::vector<std::string> sysfs_answer() const {
    std::vector<std::string> lines;
    for (const std::string& group : by_number(names_below(sysfs(), std::string(client_groups)))) {
      std::string text =
          absl::StrFormat("s: group %s type=%s", group, group_attribute(sysfs(), group, "type"));
      for (const std::string& device :
           names_below(sysfs(), absl::StrFormat("%s/%s/devices", client_groups, group))) {
        const std::string driver = driver_of(device);
        absl::StrAppend(&text, " ", device, "(", driver.empty() ? "-" : driver, ")");
      }
      const std::string regions = group_attribute(sysfs(), group, "reserved_regions");
      for (const std::string_view region : split_at(regions, '\n')) {
        if (!region.empty()) absl::StrAppend(&text, " [", std::string(region), "]");
      }
      lines.push_back(std::move(text));
    }
    for (const std::string& unit : names_below(sysfs(), "class/iommu")) {
      lines.push_back(
          absl::StrFormat("s: %s domains_used=%s", unit, attribute_of(unit, "domains_used")));
    }
    return lines;
  }

  [[nodiscard]] std::string driver_of(const std::string& device) const {
    const iommulab::device* dev = find_pci_device(*run_->system, device);
    return dev == nullptr ? std::string() : dev->driver;
  }

  [[nodiscard]] std::string attribute_of(const std::string& unit, const char* name) const {
    const auto text =
        sysfs().read(absl::StrFormat("devices/virtual/iommu/%s/intel-iommu/%s", unit, name));
    return text.ok() ? without_newline(*text) : std::string();
  }

  /// As this recorder's sysfs-iommu.txt has it.
  [[nodiscard]] numbered_lines list_tree() const {
    numbered_lines lines;
    const auto line = [&](std::string text) {
      lines.push_back({lines.size() + 1, std::move(text)});
    };
    line("## iommu_groups");
    for (const std::string& group : by_number(names_below(sysfs(), std::string(client_groups)))) {
      line(absl::StrCat("group ", group));
      line(absl::StrCat("  type ", group_attribute(sysfs(), group, "type")));
      for (const std::string& device :
           names_below(sysfs(), absl::StrFormat("%s/%s/devices", client_groups, group))) {
        line(absl::StrCat("  device ", device, " driver=", driver_of(device)));
      }
      const std::string regions = group_attribute(sysfs(), group, "reserved_regions");
      for (const std::string_view region : split_at(regions, '\n')) {
        if (!region.empty()) line(absl::StrCat("  reserved ", std::string(region)));
      }
    }
    for (const std::string& unit : names_below(sysfs(), "class/iommu")) {
      line(absl::StrCat("## iommu ", unit));
      for (const char* name :
           {"version", "cap", "ecap", "address", "domains_supported", "domains_used"}) {
        line(absl::StrCat("  ", name, " ", attribute_of(unit, name)));
      }
      for (const std::string& device :
           names_below(sysfs(), absl::StrFormat("devices/virtual/iommu/%s/devices", unit))) {
        line(absl::StrCat("  link ", device));
      }
    }
    return lines;
  }

  [[nodiscard]] std::vector<std::string> log_so_far() const {
    std::vector<std::string> lines;
    for (const log_line& line : run_->system->env().log.lines()) {
      if (line.level != log_level::debug) lines.push_back(line.text);
    }
    return lines;
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
    const auto raw = folder_.read_lines(sysfs_file);
    if (!raw.ok()) return raw.status();
    numbered_lines theirs = *raw;
    std::erase_if(
        theirs, [](const numbered_line& line) { return line.text.starts_with("  /sys/module/"); });
    results_.push_back(compare_lines("sysfs", sysfs_file, theirs, sysfs_at_start_));
    return absl::OkStatus();
  }

  absl::Status compare_log() {
    constexpr const char* file = "dmesg.txt";
    const auto raw = folder_.read_lines(file);
    if (!raw.ok()) return raw.status();
    results_.push_back(compare_lines("log", file, driver_lines(*raw), log_of_run(log_at_start_)));
    return absl::OkStatus();
  }

  absl::Status compare_tables(const std::string& mark, const numbered_lines& ours) {
    const std::string file = absl::StrCat("pt-", mark, ".txt");
    const auto dump = dumped_tables::read(folder_, file);
    if (!dump.ok()) return dump.status();
    const auto trace = read_start_up_trace(folder_);
    if (!trace.ok()) return trace.status();
    results_.push_back(
        compare_lines(mark + " tables", file,
                      table_lines(*dump, dump->root(), page_names::by_appearance(roles_of(*trace)),
                                  driven_functions()),
                      ours));
    return absl::OkStatus();
  }

  void compare_operations() {
    numbered_lines operations;
    numbered_lines effects;
    for (size_t i = 0; i < played_; ++i) {
      const client_operation& o = operations_[i];
      const std::string head = absl::StrCat(o.number, " ", o.text, " -> ", o.result);
      operations.push_back({o.line, head});
      operations.insert(operations.end(), o.answers.begin(), o.answers.end());
      effects.push_back({o.line, head});
      std::vector<std::string> texts;
      for (const numbered_line& effect : o.effects) texts.push_back(effect.text);
      for (std::string& text : in_order(std::move(texts))) {
        effects.push_back({o.effects.front().line, std::move(text)});
      }
    }
    results_.push_back(compare_lines("operations", operations_file, operations, ours_));
    results_.push_back(compare_lines("operations' effects", effects_file, effects, our_effects_));
  }

  /// The dumps at marks that were not reached.
  [[nodiscard]] std::vector<std::string> files_left_out() const {
    std::vector<std::string> left;
    for (const trace_mark& mark : marks_) {
      const std::string file = absl::StrCat("pt-", mark.name, ".txt");
      const bool reached = std::any_of(tables_.begin(), tables_.end(),
                                       [&](const auto& t) { return t.first == mark.name; });
      if (!reached && folder_.has(file)) left.push_back(file);
    }
    return left;
  }

  const capture_folder& folder_;
  std::vector<client_operation> operations_;
  std::vector<trace_mark> marks_;
  std::unique_ptr<capture_run> run_;
  size_t start_up_events_ = 0;
  trace_subscription recording_;
  std::string stopped_;
  size_t played_ = 0;
  std::map<std::string, std::string> devices_;  ///< by the client's name
  numbered_lines sysfs_at_start_;
  std::vector<std::string> log_at_start_;
  std::vector<std::pair<std::string, numbered_lines>> tables_;  ///< by mark, in order
  numbered_lines ours_;
  numbered_lines our_effects_;
  std::vector<class_result> results_;
};

}  // namespace

absl::StatusOr<std::vector<class_result>> verify_client(const capture_folder& folder) {
  client_run run(folder);
  if (absl::Status status = run.run(); !status.ok()) return status;
  return run.compare();
}

}  // namespace iommulab::verify
