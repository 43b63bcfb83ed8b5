// SPDX-License-Identifier: GPL-2.0-only
//
// The boot command run in this process, and its output as lines.
#pragma once

#include <string>
#include <vector>

#include "cli/boot/boot_command.h"
#include "support/command.h"

namespace iommulab {

command_result boot(const boot_arguments& arguments);

/// Lines of `text` without their ends.
std::vector<std::string> lines_of(const std::string& text);
/// Number of `lines` that contain `text`.
size_t count(const std::vector<std::string>& lines, const std::string& text);
/// Without leading blanks.
std::string trimmed(const std::string& line);

/// Path of a capture of Linux 4.4: "boot/default".
std::string capture(const std::string& name);

}  // namespace iommulab
