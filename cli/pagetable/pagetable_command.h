// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab pagetable …`: the driver's page-table code by itself.
#pragma once

#include "CLI/CLI.hpp"

namespace iommulab {

/// Adds the subcommand to `app`. Parsing a command line that names it runs it, on the standard
/// streams, and stores the status in `exit_status`, which outlives `app`.
void add_pagetable_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
