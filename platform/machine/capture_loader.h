// SPDX-License-Identifier: GPL-2.0-only
//
// Makes a machine of a capture: a folder that recorded a run of a real kernel, in QEMU or on
// hardware.
//
// | file                    | what is taken from it                                              |
// |-------------------------|--------------------------------------------------------------------|
// | pci.txt                 | functions, wiring, resources                                       |
// | dmesg.txt               | the firmware's memory map, BIOS strings, where the DMAR table      |
// |                         | lies, whether there is an ACPI namespace (q35's, with pci.txt);    |
// |                         | of hardware: the units, as the driver logged them                  |
// | iomem                   | the memory-mapped configuration window, the root buses' windows    |
// | qemu.args               | memory size, the unit's options; not there in one of hardware      |
// | cmdline                 | the kernel's command line                                          |
// | DMAR.bin, DMAR-given.bin| the table, raw or as acpidump prints it                            |
// | unowned-reads           | "ones" or "zeros": what addresses read that nobody owns; without   |
// |                         | the file zeros in QEMU, ones on hardware                           |
//
// A folder without pci.txt is one whose kernel hung before it could be asked: its machine is that
// of the folder "r0" beside it ("r0.calls" for one that ends in ".calls").
#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "platform/machine/machine.h"

namespace iommulab {

/// One sentence with file, line, field and value for whatever is missing or does not read (ENOENT,
/// EINVAL).
absl::StatusOr<machine_config> load_capture(const std::string& folder);

/// The table that the firmware offered in this run: DMAR.bin is what the kernel showed as its own;
/// where it could not show one (it hung, or did not know the table by its signature), the one it
/// was given. A given table that the kernel refused to take (an override with a bad checksum) loses
/// against DMAR.bin. Empty when the folder has neither.
absl::StatusOr<std::vector<uint8_t>> load_capture_dmar(const std::string& folder);

}  // namespace iommulab
