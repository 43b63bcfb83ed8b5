// SPDX-License-Identifier: GPL-2.0-only
//
// iommulab verify DIR…: a maintainer's regression run against captures of real kernels.
#pragma once

#include "CLI/CLI.hpp"

namespace iommulab {

/// Adds the subcommand; `exit_status` is set when it ran: 0 all equal, 1 a difference or something
/// that is not compared, 2 a folder that cannot be run or has a file that cannot be read.
void add_verify_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
