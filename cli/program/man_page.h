// SPDX-License-Identifier: GPL-2.0-only
//
// A command's manual page.
#pragma once

#include <string>

#include "CLI/CLI.hpp"

namespace iommulab {

/// Section 1, as groff reads it. Of a command with commands below it: the list of them.
std::string man_page(const CLI::App& command);

}  // namespace iommulab
