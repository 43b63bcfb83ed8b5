// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab iova …`: the IOVA lab on the command line. Each subcommand has a file of its own.
#pragma once

#include "CLI/CLI.hpp"

namespace iommulab {

/// Adds the subcommand to `app`. Parsing a command line that names it runs it, on the standard
/// streams, and stores the status in `exit_status`, which outlives `app`.
void add_iova_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
