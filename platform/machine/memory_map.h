// SPDX-License-Identifier: GPL-2.0-only
//
// The firmware's memory map, from a kernel's log or its list of physical resources.
#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "core/text_source.h"
#include "platform/memory/physical_memory.h"

namespace iommulab {

/// The "BIOS-e820:" lines, in order, as kernels since 3.4 and older ones print them; of a log of
/// several starts the last one's. EINVAL when one does not read, or when there is none.
absl::StatusOr<std::vector<memory_range>> parse_e820(const text_source& log);

/// Whether the log has such a line: logs that begin later have none.
bool tells_e820(const text_source& log);

/// Whether all addresses of a /proc/iomem are zero, as the kernel shows them to who is not root.
bool hides_addresses(const text_source& iomem);

/// What /proc/iomem says of memory, in order: "System RAM", "Reserved" at any depth, ACPI's tables
/// and storage. EINVAL when a line is not "FIRST-LAST : NAME", when there is none, or when all
/// addresses are zero, as the kernel shows them to who may not see them.
absl::StatusOr<std::vector<memory_range>> parse_iomem_map(const text_source& iomem);

/// The map in a file of either kind, "BIOS-e820:" lines or the text of /proc/iomem.
absl::StatusOr<std::vector<memory_range>> read_memory_map(const std::string& path);

/// What of the firmware's map holds bytes: RAM, and reservations inside the installed memory.
std::vector<memory_range> backed_memory(const std::vector<memory_range>& map, uint64_t installed);

/// Of hardware, whose installed memory nobody says: RAM, and what is reserved below where devices
/// begin or below the end of RAM.
std::vector<memory_range> memory_below_devices(const std::vector<memory_range>& map,
                                               uint64_t devices);
/// The first address above 1 MiB of a PCI bus or of the configuration window in /proc/iomem; 4 GiB
/// when there is none.
absl::StatusOr<uint64_t> first_device_address(const text_source& iomem);

/// A line "  FIRST-LAST : NAME" of /proc/iomem.
struct iomem_line {
  uint64_t first = 0;
  uint64_t last = 0;
  std::string_view name;
};
/// Whether a line of that name is a memory-mapped configuration window: "PCI MMCONFIG 0000 [bus
/// 00-ff]", or "PCI ECAM …", as kernels since 6.9 call it.
bool is_configuration_window(std::string_view name);
/// All lines of /proc/iomem; the names live as long as the text. EINVAL as parse_iomem_map().
absl::StatusOr<std::vector<iomem_line>> parse_iomem_lines(const text_source& iomem);

}  // namespace iommulab
