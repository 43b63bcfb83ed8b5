// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/hotplug_run.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/dma/dma_mapping.h"
#include "core/panic.h"
#include "core/text_source.h"
#include "kernel/kernel.h"
#include "lab/replay/api_player.h"
#include "lab/replay/boot_mark.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/hotplug_calls.h"
#include "lab/replay/hotplug_steps.h"
#include "lab/replay/log_listing.h"
#include "lab/replay/sysfs_listing.h"
#include "platform/machine/capture_loader.h"

namespace iommulab::verify {
namespace {

using action = hotplug_step::action;

constexpr const char* iommu_units_directory = "devices/virtual/iommu";

void add(numbered_lines& lines, size_t line, std::string text) {
  lines.push_back({line, std::move(text)});
}

std::string linked_line(const std::vector<std::string>& names) {
  std::string text = "linked:";
  for (const std::string& name : names) absl::StrAppend(&text, " ", name);
  return text;
}

std::string used_line(unsigned used) {
  return absl::StrFormat("domains_used=%d", used);
}

/// A step as the capture has it.
void add_captured(const hotplug_step& step, numbered_lines& lines) {
  add(lines, step.line, absl::StrCat("STEP ", step.title));
  lines.insert(lines.end(), step.log.begin(), step.log.end());
  lines.insert(lines.end(), step.groups.begin(), step.groups.end());
  if (!step.domains_used) return;
  const size_t line = step.groups.empty() ? step.line : step.groups.back().line + 1;
  add(lines, line, used_line(*step.domains_used));
  add(lines, line, linked_line(step.linked));
}

/// The system that the steps are done to.
class hotplug_system {
 public:
  explicit hotplug_system(std::unique_ptr<kernel> system) : system_(std::move(system)) {}

  /// Up to the moment of the first step.
  absl::Status boot(const capture_folder& folder) {
    const boot_outcome booted = system_->start_up();
    if (!booted.panic.empty()) return errno_status(EIO, booted.panic);
    api_player player(*system_);
    if (absl::Status status = play_to_boot_mark(*system_, folder, player); !status.ok()) {
      return status;
    }
    recording_ = system_->env().trace.subscribe(recorder_, trace_class::calls);
    return absl::OkStatus();
  }

  /// Does the step and adds what is to be seen after it.
  absl::Status run(const hotplug_step& step, numbered_lines& lines) {
    add(lines, step.line, absl::StrCat("STEP ", step.title));
    const size_t logged = system_->env().log.lines().size();
    if (absl::Status status = perform(step); !status.ok()) return status;
    add_log(logged, lines);
    if (step.what != action::end) add_state(lines);
    return absl::OkStatus();
  }

  [[nodiscard]] const trace_recorder& recorder() const { return recorder_; }

 private:
  absl::Status perform(const hotplug_step& step) {
    sysfs_tree& sysfs = system_->sysfs();
    const std::string device_link = absl::StrCat("bus/pci/devices/", step.device);
    switch (step.what) {
      case action::before:
      case action::end:
        return absl::OkStatus();
      case action::up:
        map_first(step.device);
        return absl::OkStatus();
      case action::remove:
        return sysfs.write(absl::StrCat(device_link, "/remove"), "1");
      case action::rescan:
        return sysfs.write("bus/pci/rescan", "1");
      case action::unbind:
        return write_driver_file(step.device, "unbind");
      case action::bind:
        return write_driver_file(step.device, "bind");
      case action::other:
        break;
    }
    return line_error(steps_file, step.line, "step", step.title, "nobody knows how to do it");
  }

  /// The driver's own directory: the one that has the device now, or had it before it was unbound.
  absl::Status write_driver_file(const std::string& name, std::string_view file) {
    for (const pci_function_config& f : system_->machine().pci_functions) {
      if (to_string(f.id) != name || f.captured_driver.empty()) continue;
      return system_->sysfs().write(
          absl::StrCat("bus/pci/drivers/", f.captured_driver, "/", std::string(file)), name);
    }
    return errno_status(ENODEV, absl::StrFormat("%s: the capture names no driver of it", name));
  }

  /// The driver of a function maps its first buffer; a function without a driver maps nothing.
  /// Which buffer it is does not show in what is compared, nor when it goes: a driver unmaps all
  /// before it leaves its function.
  void map_first(const std::string& name) {
    device* dev = find_pci_device(*system_, name);
    if (dev == nullptr || dev->driver.empty()) return;
    constexpr uint64_t megabyte = uint64_t{1} << 20;
    constexpr auto dir = dma_data_direction::bidirectional;
    const dma_addr handle = dma_map_single(*dev, phys_addr(megabyte), page_size, dir);
    if (dma_mapping_error(*dev, handle)) return;
    dma_unmap_single(*dev, handle, page_size, dir);
    api_player(*system_).let_timer_expire();
  }

  void add_log(size_t from, numbered_lines& lines) const {
    std::vector<std::string> texts;
    const auto& log = system_->env().log.lines();
    for (size_t i = from; i < log.size(); ++i) {
      if (log[i].level != log_level::debug) texts.push_back(log[i].text);
    }
    const numbered_lines kept = log_of_run(texts);
    lines.insert(lines.end(), kept.begin(), kept.end());
  }

  void add_state(numbered_lines& lines) const {
    const sysfs_tree& sysfs = system_->sysfs();
    for (numbered_line& group : list_groups(sysfs)) lines.push_back(std::move(group));
    const auto units = sysfs.list(iommu_units_directory);
    if (!units.ok() || units->empty()) return;
    const std::string unit = absl::StrCat(iommu_units_directory, "/", units->front());
    const auto text = sysfs.read(absl::StrCat(unit, "/intel-iommu/domains_used"));
    unsigned used = 0;
    if (!text.ok() || !absl::SimpleAtoi(*text, &used)) return;
    add(lines, 0, used_line(used));
    const auto linked = sysfs.list(absl::StrCat(unit, "/devices"));
    add(lines, 0, linked_line(linked.ok() ? *linked : std::vector<std::string>()));
  }

  trace_recorder recorder_;
  std::unique_ptr<kernel> system_;
  trace_subscription recording_;
};

absl::StatusOr<class_result> compare_calls(const capture_folder& folder,
                                           const hotplug_system& system) {
  absl::StatusOr<std::vector<call_event>> captured = read_call_graph(folder, lab_calls_file);
  if (!captured.ok()) return captured.status();
  absl::StatusOr<function_names> traced = read_traced_functions(folder);
  if (!traced.ok()) return traced.status();
  const std::vector<call_event> ours =
      keep_traced(calls_of_run(system.recorder().events()), *traced);
  return compare_lines("hotplug calls", lab_calls_file,
                       call_lines(keep_notifications(*captured), page_names::by_appearance({})),
                       call_lines(keep_notifications(ours), page_names::by_appearance({})));
}

absl::StatusOr<std::vector<class_result>> run_steps(const capture_folder& folder,
                                                    const hotplug_script& script,
                                                    hotplug_system& system) {
  if (absl::Status status = system.boot(folder); !status.ok()) return status;
  numbered_lines captured;
  numbered_lines ours;
  for (const hotplug_step& step : script.steps) {
    add_captured(step, captured);
    if (absl::Status status = system.run(step, ours); !status.ok()) return status;
  }
  std::vector<class_result> results = {compare_lines("hotplug", steps_file, captured, ours)};
  if (folder.has(lab_calls_file)) {
    absl::StatusOr<class_result> calls = compare_calls(folder, system);
    if (!calls.ok()) return calls.status();
    results.push_back(*std::move(calls));
  }
  return results;
}

}  // namespace

bool has_hotplug_steps(const capture_folder& folder) {
  return folder.has(steps_file);
}

absl::StatusOr<std::vector<class_result>> verify_hotplug(const capture_folder& folder) {
  absl::StatusOr<hotplug_script> script = read_hotplug_script(folder);
  if (!script.ok()) return script.status();
  auto config = load_capture(folder.path());
  if (!config.ok()) return config.status();
  kernel_options options;
  options.command_line = config->command_line;
  auto machine = kernel::create(*config, std::move(options));
  if (!machine.ok()) return machine.status();

  hotplug_system system(std::move(*machine));
  try {
    return run_steps(folder, *script, system);
  } catch (const kernel_bug& bug) {
    const std::string report = absl::StrCat("BUG: ", bug.what());
    return std::vector<class_result>{{"hotplug", class_result::outcome::different, 0, report}};
  }
}

}  // namespace iommulab::verify
