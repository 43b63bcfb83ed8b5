// SPDX-License-Identifier: GPL-2.0-only
//
// Which machine a subcommand works on: one of the built-in ones by name, a capture's folder, or one
// with what lspci listed.
#pragma once

#include <string>

#include "CLI/CLI.hpp"
#include "core/status.h"
#include "platform/machine/machine.h"

namespace iommulab {

inline constexpr const char* default_machine = "q35";
/// A built-in machine's: to look at a driver that does nothing, nobody boots one.
inline constexpr const char* default_command_line = "intel_iommu=on";

/// A built-in name goes before a folder of that name ("./q35" is the folder). A built-in machine
/// comes with default_command_line, a folder with its own. The loader's error for a folder that
/// does not read; ENOENT, listing the names, for what is neither.
absl::StatusOr<machine_config> choose_machine(const std::string& name_or_folder);

/// The same with the DMAR table of a file (read_dmar_file()) in place of its own; empty: its own.
absl::StatusOr<machine_config> choose_machine(const std::string& name_or_folder,
                                              const std::string& dmar_file);

/// `file` is a string, or a list of them.
template <typename File>
CLI::Option* add_dmar_option(CLI::App& command, File& file) {
  return command
      .add_option(
          "--dmar", file,
          "Give the machine the DMAR table of this file: raw, or the text of acpidump; - is "
          "standard input")
      ->check([](const std::string& value) {
        return std::string(value.empty() ? "the value is empty" : "");
      })
      ->type_name("FILE");
}

}  // namespace iommulab
