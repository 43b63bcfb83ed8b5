// SPDX-License-Identifier: GPL-2.0-only
//
// Makes a machine of a folder in which somebody gathered what they could have of it.
//
// | file                | what is taken from it                                                  |
// |---------------------|------------------------------------------------------------------------|
// | lspci.txt           | the PCI functions; it has to be there                                  |
// | DMAR.bin, DMAR      | the firmware's table, raw or as acpidump prints it; without it there   |
// |                     | is no remapping                                                        |
// | dmesg.txt,          | the units' capabilities, as the driver logged them; the firmware's     |
// | dmesg-iommu.txt     | memory map, where the log reaches back that far                        |
// | cmdline             | the kernel's command line                                              |
//
// What is missing is assumed, and stands in machine_config::assumed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"
#include "platform/machine/machine.h"

namespace iommulab {

/// Whether it is such a folder: it has lspci.txt and is no capture.
bool is_listed_folder(const std::string& folder);

/// The folder's own DMAR table; empty for none. EINVAL for one that is none, or is cut.
absl::StatusOr<std::vector<uint8_t>> table_of_listed_folder(const std::string& folder);

/// `table` in place of the folder's own where it is not empty. One sentence with file, line, field
/// and value for what does not read (EINVAL).
absl::StatusOr<machine_config> load_listed_folder(const std::string& folder,
                                                  std::vector<uint8_t> table = {});

}  // namespace iommulab
