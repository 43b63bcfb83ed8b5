// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/workload_comparison.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/log_listing.h"
#include "lab/replay/omissions.h"
#include "lab/replay/sysfs_listing.h"

namespace iommulab::verify {
namespace {

using outcome = class_result::outcome;

class workload_comparison {
 public:
  workload_comparison(const capture_folder& folder, const workload_sides& sides,
                      const workload_calls& calls, const capture_run& run,
                      const played_workload& played)
      : folder_(folder), sides_(sides), calls_(calls), run_(run), played_(played) {}

  std::vector<class_result> compare() && {
    if (!played_.stopped.empty()) {
      results_.push_back({"workload", outcome::different, 0, played_.stopped, {}});
    }
    for (class_result& result : played_.differences.results()) {
      results_.push_back(std::move(result));
    }
    for (const played_phase& p : played_.phases) {
      add_calls(p);
      compare_hardware(folder_, sides_, p, results_);
      if (&p == &played_.phases.front()) add_boot_classes(p);
    }
    add_rest();
    if (played_.vfio) add_client();
    if (played_.hotplug) add_hotplug();
    return std::move(results_);
  }

 private:
  void add_unreadable(const std::string& title, const absl::Status& status) {
    results_.push_back({title, outcome::unreadable, 0, std::string(status.message()), {}});
  }

  void add_calls(const played_phase& p) {
    if (p.graph.empty() || !folder_.has(p.graph) || !p.unknown.empty()) return;
    const std::string title = absl::StrCat(p.name, " calls");
    const bool boot = &p == &played_.phases.front();
    const std::string abandoned = boot ? abandoned_function() : std::string();
    if (!abandoned.empty()) {
      results_.push_back(omitted_class("driver that gave up", {p.graph}));
      return;
    }
    const auto tree = calls_.tree({p.name, p.graph, p.mark});
    if (!tree.ok()) return add_unreadable(title, tree.status());
    const auto events = absl::MakeConstSpan(run_.recorder.events())
                            .subspan(p.first_call, p.last_call - p.first_call);
    results_.push_back(compare_tree(folder_, sides_, title, p.graph, *tree, events));
  }

  /// A function that made calls while drivers came, and has no driver: its driver gave up, of which
  /// the capture says no more. Empty when there is none.
  [[nodiscard]] std::string abandoned_function() const {
    const auto calls = calls_.calls(boot_phase);
    if (!calls.ok()) return {};
    for (const api_call& call : *calls) {
      const device* dev = run_.system->pci().bus_find_device_by_name(call.device);
      if (dev != nullptr && dev->driver.empty()) return call.device;
    }
    return {};
  }

  void add_boot_classes(const played_phase& boot) {
    if (folder_.has(sysfs_file)) {
      const auto captured = read_domains_used(folder_);
      if (!captured.ok()) return add_unreadable("boot domains", captured.status());
      results_.push_back(
          compare_lines("boot domains", sysfs_file, *captured, played_.domains_at_boot));
    }
    if (boot.unknown.empty()) add_log("boot log", log_file(folder_), played_.said_at_boot);
  }

  /// More than the read with which the recorder took its leave of each unit.
  void add_rest() {
    const hardware_trace rest = sides_.captured({sides_.marks().back().line + 1, SIZE_MAX});
    if (rest.descriptors.empty() && rest.accesses.size() <= run_.result.units.size()) return;
    results_.push_back(omitted_class("lines behind the last mark", {}));
  }

  void add_client() {
    if (!folder_.has(client_file)) return;
    auto captured = read_client_lines(folder_);
    if (!captured.ok()) return add_unreadable("vfio client", captured.status());
    results_.push_back(
        compare_lines("vfio client", client_file, *captured, played_.vfio->client_lines()));
    add_log("vfio log", client_file, said_since_start_up(run_));
  }

  /// What a file has of the log after start-up.
  void add_log(const std::string& title, const std::string& file,
               const std::vector<std::string>& ours) {
    if (file.empty()) return;
    const auto raw = folder_.read_lines(file);
    if (!raw.ok()) return add_unreadable(title, raw.status());
    numbered_lines captured = driver_lines(*raw);
    const auto start_up = static_cast<std::ptrdiff_t>(keep_start_up(captured).size());
    captured.erase(captured.begin(), captured.begin() + start_up);
    results_.push_back(compare_lines(title, file, captured, log_of_run(ours)));
  }

  void add_hotplug() {
    const played_phase& last = played_.phases.back();
    if (!last.unknown.empty()) {
      results_.push_back(unaccounted("hotplug", last.unknown));
      return;
    }
    results_.push_back(
        compare_lines("hotplug", steps_file, played_.hotplug->captured(), played_.hotplug->ours()));
    if (!folder_.has(lab_calls_file)) return;
    const auto events =
        absl::MakeConstSpan(run_.recorder.events())
            .subspan(played_.first_step_event, last.last_event - played_.first_step_event);
    results_.push_back(compare_tree(folder_, sides_, "hotplug calls", lab_calls_file,
                                    played_.hotplug_tree, events));
  }

  const capture_folder& folder_;
  const workload_sides& sides_;
  const workload_calls& calls_;
  const capture_run& run_;
  const played_workload& played_;
  std::vector<class_result> results_;
};

}  // namespace

std::vector<std::string> said_since_start_up(const capture_run& run) {
  std::vector<std::string> lines;
  for (const log_line& line : run.system->env().log.lines()) {
    if (line.level != log_level::debug) lines.push_back(line.text);
  }
  lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(run.result.log.size()));
  return lines;
}

std::vector<class_result> compare_workload(const capture_folder& folder,
                                           const workload_sides& sides, const workload_calls& calls,
                                           const capture_run& run, const played_workload& played) {
  return workload_comparison(folder, sides, calls, run, played).compare();
}

}  // namespace iommulab::verify
