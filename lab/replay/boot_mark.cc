// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/boot_mark.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/dma/dma_mapping.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/driver_mappings.h"

namespace iommulab::verify {
namespace {

constexpr const char* units_directory = "devices/virtual/iommu";

/// Where the kernel stood when the calls of a boot were made.
class boot_script {
 public:
  boot_script(absl::Span<const call_event> tree, std::vector<api_call> calls)
      : calls_(std::move(calls)) {
    for (const call_event& event : tree) {
      if (event.what != call_event::kind::enter) continue;
      if (event.text == last_listener) notifications_.push_back(event.line);
      if (event.text == late_initcall) initcalls_done_ = event.line;
    }
  }

  /// One more notification of a driver's binding has gone out: plays what was made before the next
  /// one, and until boot_is_through() none of what came after the late initcalls.
  absl::Status notified(absl::FunctionRef<absl::Status(const api_call&)> play) {
    ++heard_;
    return play_on(play);
  }
  /// Plays what was made before the next notification.
  absl::Status play_on(absl::FunctionRef<absl::Status(const api_call&)> play) {
    const size_t next = heard_ < notifications_.size() ? notifications_[heard_] : SIZE_MAX;
    return play_before(through_ ? next : std::min(next, initcalls_done_), play);
  }
  void boot_is_through() { through_ = true; }
  absl::Status play_rest(absl::FunctionRef<absl::Status(const api_call&)> play) {
    return play_before(SIZE_MAX, play);
  }

 private:
  /// Of those that hear of a driver, the one that hears last, and in every run.
  static constexpr std::string_view last_listener = "dmar_pci_bus_notifier";
  static constexpr std::string_view late_initcall = "dmar_free_unused_resources";

  absl::Status play_before(size_t line, absl::FunctionRef<absl::Status(const api_call&)> play) {
    for (; played_ < calls_.size() && calls_[played_].line < line; ++played_) {
      if (absl::Status status = play(calls_[played_]); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  std::vector<api_call> calls_;
  std::vector<size_t> notifications_;  ///< lines of the tree
  size_t initcalls_done_ = SIZE_MAX;
  bool through_ = false;
  size_t heard_ = 0;
  size_t played_ = 0;
};

/// Loads drivers; what they do while they are bound is played in the notifications' wake.
absl::Status load_drivers(kernel& system, void (kernel::*load)(), boot_script& script,
                          absl::FunctionRef<absl::Status(const api_call&)> play) {
  absl::Status status = script.play_on(play);
  bus_notifier_block listener;
  listener.priority = std::numeric_limits<int>::min();
  listener.notifier_call = [&](bus_notify, device&) {
    if (status.ok()) status = script.notified(play);
    return notify_result::done;
  };
  system.pci().bus().notifier.register_block(listener);
  (system.*load)();
  system.pci().bus().notifier.unregister_block(listener);
  return status;
}

absl::Status play_dumped_mappings(kernel& system, const capture_folder& folder) {
  const auto mappings = mappings_at_boot(folder);
  if (!mappings.ok()) return mappings.status();
  for (const driver_mapping& m : *mappings) {
    device* dev = find_pci_device(system, m.device);
    if (dev == nullptr) continue;  // an alias, which comes with its device
    const bool writable = (m.prot & vtd::second_level_entry::w.mask()) != 0;
    dma_map_page(*dev, m.phys, 0, m.pages * page_size,
                 writable ? dma_data_direction::bidirectional : dma_data_direction::to_device);
  }
  return absl::OkStatus();
}

void read_versions(const sysfs_tree& sysfs) {
  const auto units = sysfs.list(units_directory);
  if (!units.ok()) return;
  for (const std::string& unit : *units) {
    sysfs.read(absl::StrCat(units_directory, "/", unit, "/intel-iommu/version")).IgnoreError();
  }
}

}  // namespace

absl::Status play_to_boot_mark(kernel& system, const capture_folder& folder, api_player& player) {
  if (folder.has(boot_calls_file)) {
    const auto calls = workload_calls::find(folder);
    if (!calls.ok()) return calls.status();
    return play_to_boot_mark(system, *calls,
                             [&](const api_call& call) { return player.play(call); });
  }
  system.load_drivers();
  system.finish_boot();
  system.load_late_drivers();
  absl::Status status;
  if (folder.has(boot_tables_file)) status = play_dumped_mappings(system, folder);
  read_versions(system.sysfs());
  return status;
}

absl::Status play_to_boot_mark(kernel& system, const workload_calls& calls,
                               absl::FunctionRef<absl::Status(const api_call&)> play) {
  const auto tree = calls.tree(boot_phase);
  if (!tree.ok()) return tree.status();
  auto made = calls.calls(boot_phase);
  if (!made.ok()) return made.status();
  boot_script script(*tree, *std::move(made));
  absl::Status status = load_drivers(system, &kernel::load_drivers, script, play);
  system.finish_boot();
  script.boot_is_through();
  if (status.ok()) status = load_drivers(system, &kernel::load_late_drivers, script, play);
  if (status.ok()) status = script.play_rest(play);
  read_versions(system.sysfs());
  return status;
}

}  // namespace iommulab::verify
