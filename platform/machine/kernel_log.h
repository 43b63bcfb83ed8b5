// SPDX-License-Identifier: GPL-2.0-only
//
// What a kernel's log and its list of physical resources say about the machine.
#pragma once

#include <string_view>
#include <vector>

#include "core/environment.h"
#include "core/status.h"
#include "core/text_source.h"
#include "platform/machine/machine.h"

namespace iommulab {

/// A log line without "[    0.000000] ", and without what journalctl puts before it.
std::string_view without_time_stamp(std::string_view line);

/// The strings that the driver's complaints about the BIOS print. The log names the BIOS version;
/// the others only where a complaint was printed, and are otherwise those of QEMU's q35 machine.
dmi_strings parse_dmi(const text_source& log);

/// Where the kernel found its DMAR table, from the "ACPI: DMAR 0x…" line: 0 when there is none. A
/// table that was put in place of the firmware's is the one that counts.
phys_addr parse_dmar_address(const text_source& log);

/// Whether the kernel found a PCI host bridge in the ACPI namespace ("ACPI: PCI Root Bridge").
bool found_acpi_root_bridge(const text_source& log);

/// The configuration windows of /proc/iomem: what no function owns there reads all ones. EINVAL
/// when a line is not "FIRST-LAST : NAME", or when there is none.
absl::StatusOr<std::vector<address_hole>> parse_mmconfig(const text_source& iomem);

/// The memory windows of these root buses in /proc/iomem ("PCI Bus 0000:00"), ascending. EINVAL as
/// parse_mmconfig().
absl::StatusOr<std::vector<host_bridge_window>> parse_host_windows(
    const text_source& iomem, const std::vector<pci_root>& roots);

}  // namespace iommulab
