// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/verify/boot_mark.h"

#include "absl/strings/str_cat.h"
#include "cli/verify/driver_mappings.h"
#include "core/dma/dma_mapping.h"

namespace iommulab::verify {
namespace {

constexpr const char* boot_graph = "fgraph-boot.txt";
constexpr const char* boot_tables = "pt-boot.txt";
constexpr const char* units_directory = "devices/virtual/iommu";

absl::Status play_recorded_calls(const capture_folder& folder, api_player& player) {
  const auto events = read_call_graph(folder, boot_graph);
  if (!events.ok()) return events.status();
  const auto calls = read_api_calls(*events, folder.file_path(boot_graph));
  if (!calls.ok()) return calls.status();
  for (const api_call& call : *calls) {
    if (absl::Status status = player.play(call); !status.ok()) return status;
  }
  return absl::OkStatus();
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
  system.finish_boot();
  system.load_drivers();
  absl::Status status;
  if (folder.has(boot_graph)) {
    status = play_recorded_calls(folder, player);
  } else if (folder.has(boot_tables)) {
    status = play_dumped_mappings(system, folder);
  }
  read_versions(system.sysfs());
  return status;
}

}  // namespace iommulab::verify
