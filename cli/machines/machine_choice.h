// SPDX-License-Identifier: GPL-2.0-only
//
// Which machine a subcommand works on: one of the built-in ones by name, this computer, a capture's
// folder, or one in which somebody gathered what they could have of a machine.
#pragma once

#include <optional>
#include <string>

#include "CLI/CLI.hpp"
#include "core/status.h"
#include "platform/listing/machine_files.h"
#include "platform/machine/machine.h"

namespace iommulab {

inline constexpr const char* default_machine = "q35";
/// A built-in machine's: to look at a driver that does nothing, nobody boots one.
inline constexpr const char* default_command_line = "intel_iommu=on";

/// How this computer is called.
inline constexpr const char* live_machine = "live";
/// What may be named, for an option's help.
inline constexpr const char* machine_option_words =
    "Built-in machine (see `iommulab machines`), live (this computer), or a folder: a capture's, "
    "or "
    "of what is known of a machine";

/// Where the things of this computer lie, or of a folder with what somebody gathered; nothing for
/// built-in machines, captures, and what is neither.
std::optional<machine_files> found_files(const std::string& name_or_folder);

/// A built-in name, and "live", go before a folder of that name ("./q35" is the folder). A built-in
/// machine comes with default_command_line, others with their own. The loader's error for what does
/// not read; ENOENT, listing the names, for what is no machine.
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
