// SPDX-License-Identifier: GPL-2.0-only
//
// Makes a machine of a folder in which somebody gathered what they could have of it, or of this
// computer (machine_files.h says where each thing lies).
//
// | of                  | what is taken                                                          |
// |---------------------|------------------------------------------------------------------------|
// | lspci, /sys/bus/pci | the PCI functions; one of the two has to be there, lspci's goes first  |
// | DMAR                | the firmware's table; without it there is no remapping                 |
// | APIC (MADT)         | I/O APICs, which the DMAR table's scopes name                          |
// | MCFG                | configuration windows, where /proc/iomem does not tell them            |
// | log                 | the units' capabilities, as the driver logged them; the memory map,    |
// |                     | where the log reaches back that far; groups                            |
// | /sys/class/iommu    | the capabilities of the units that the log does not tell               |
// | iomem               | the memory map that the log does not tell; configuration windows, and  |
// |                     | what host bridges hand down                                            |
// | cmdline             | the kernel's command line                                              |
//
// What is missing is assumed, and stands in machine_config::assumed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"
#include "platform/listing/listed_machine.h"
#include "platform/listing/machine_files.h"
#include "platform/machine/machine.h"

namespace iommulab {

/// The PCI functions, each with the group that the machine's own kernel gave it, where anything
/// says that. One sentence with file, line, field and value for what does not read (EINVAL).
absl::StatusOr<listed_machine> functions_of(const machine_files& files);

/// The machine's own DMAR table; empty for none, and for one that only root may read. EINVAL for
/// one that is none, or is cut.
absl::StatusOr<std::vector<uint8_t>> dmar_table_of(const machine_files& files);

/// The release of Linux that the machine ran, "5.11"; empty where nothing says it.
std::string release_of(const machine_files& files);

/// `table` in place of the machine's own where it is not empty. The same errors.
absl::StatusOr<machine_config> machine_of(const machine_files& files,
                                          std::vector<uint8_t> table = {});

}  // namespace iommulab
