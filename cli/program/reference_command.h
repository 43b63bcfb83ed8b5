// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab reference DIR`: for the build, and in no list of commands. Writes manual pages and
// completion, made from the same tree as the help.
#pragma once

#include "CLI/CLI.hpp"

namespace iommulab {

/// Adds the subcommand to `app`, which it describes.
void add_reference_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
