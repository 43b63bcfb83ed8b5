// SPDX-License-Identifier: GPL-2.0-only
//
// Where, in a folder in which somebody gathered what they could have of a machine, each thing lies.
// A copy of the root of a system's /sys and /proc is such a folder, and so is "/" itself.
//
// | member  | looked for, the first that is there                                         |
// |---------|-----------------------------------------------------------------------------|
// | listing | lspci.txt                                                                   |
// | pci     | sysfs_functions.h                                                           |
// | tables  | DMAR.bin, DMAR; tables/, acpi/tables/, firmware/acpi/tables/ and            |
// |         | sys/firmware/acpi/tables/ with DMAR, APIC, MCFG; acpidump.txt, acpi.txt     |
// | units   | sys/class/iommu, class/iommu: what the driver says of each remapping unit   |
// | log     | dmesg.txt, dmesg-iommu.txt, dmesg                                           |
// | iomem   | iomem, proc/iomem                                                           |
// | cmdline | cmdline, proc/cmdline                                                       |
// | groups  | groups.tsv                                                                  |
// | release | osrelease, proc/sys/kernel/osrelease, meta.txt                              |
// | dmi     | sys/class/dmi/id, class/dmi/id                                              |
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "core/text_source.h"

namespace iommulab {

/// Paths; empty for what is not there. Files may be packed (core/text_source.h), tables too.
struct machine_files {
  std::string name;      ///< of the machine
  std::string folder;    ///< as it was named; empty for "/"
  bool is_live = false;  ///< of this computer
  std::string listing;
  std::string pci;
  std::string units;
  std::string log;
  std::string iomem;
  std::string cmdline;
  std::string groups;
  std::string release;
  std::string dmi;
  /// Of this computer, whose log is no file; empty where it may not be read.
  std::optional<text_source> kernel_log;

  /// The path of the table with this signature ("DMAR"), or of a dump that has it.
  [[nodiscard]] std::string table(std::string_view signature) const;
  /// Whether it is there and only root may read it.
  [[nodiscard]] bool hides_table(std::string_view signature) const;
  /// Its bytes; empty for none, and for one that is hidden. EINVAL for a file that is none
  /// (acpi_table.h).
  [[nodiscard]] absl::StatusOr<std::vector<uint8_t>> read_table(std::string_view signature) const;
  /// The log, if there is one.
  [[nodiscard]] absl::StatusOr<std::optional<text_source>> read_log() const;
};

machine_files files_of_folder(const std::string& folder);

/// Of this computer, as far as who runs the program may see it.
machine_files files_of_this_computer();

/// Whether it is such a folder: it lists PCI functions, and is no capture (platform/machine).
bool is_machine_folder(const std::string& folder);

}  // namespace iommulab
