// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/boot_mark.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/dma/dma_mapping.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/driver_mappings.h"
#include "lab/replay/notified_calls.h"

namespace iommulab::verify {
namespace {

constexpr const char* units_directory = "devices/virtual/iommu";

/// Line of the boot's call tree at which the late initcalls are done; that of no line without them.
size_t end_of_initcalls(absl::Span<const call_event> tree) {
  const auto at = std::find_if(tree.begin(), tree.end(), [](const call_event& event) {
    return event.what == call_event::kind::enter && event.text == "dmar_free_unused_resources";
  });
  return at == tree.end() ? SIZE_MAX : at->line;
}

absl::Status play_dumped_mappings(kernel& system, const capture_folder& folder) {
  const auto mappings = mappings_at_boot(folder);
  if (!mappings.ok()) return mappings.status();
  for (const driver_mapping& m : *mappings) {
    device* dev = system.pci().bus_find_device_by_name(m.device);
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
    player.enter(std::string(boot_phase.name), calls->path_of(boot_phase.graph));
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
  notified_calls drivers(*tree, *std::move(made));
  bus_type& bus = system.pci().bus();
  const auto load = [&] {
    system.load_drivers();
    return absl::OkStatus();
  };
  const auto load_late = [&] {
    system.load_late_drivers();
    return absl::OkStatus();
  };
  absl::Status status = drivers.play_during(bus, play, load, end_of_initcalls(*tree));
  system.finish_boot();
  if (status.ok()) status = drivers.play_around(bus, play, load_late);
  read_versions(system.sysfs());
  return status;
}

}  // namespace iommulab::verify
