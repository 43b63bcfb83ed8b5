// SPDX-License-Identifier: GPL-2.0-only
//
// Which machine a subcommand works on: one of the built-in ones by name, or a capture's folder.
#pragma once

#include <string>

#include "core/status.h"
#include "platform/machine/machine.h"

namespace iommulab {

inline constexpr const char* default_machine = "q35";
/// A built-in machine's: to look at a driver that does nothing, nobody boots one.
inline constexpr const char* default_command_line = "intel_iommu=on";

/// A built-in name goes before a folder of that name ("./q35" is the folder). A built-in machine
/// comes with default_command_line, a capture with its own. The loader's error for a folder that
/// does not read; ENOENT, listing the names, for what is neither.
absl::StatusOr<machine_config> choose_machine(const std::string& name_or_folder);

}  // namespace iommulab
