// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab machines`: the built-in machines, or one machine's hardware.
#pragma once

#include <iosfwd>
#include <string>

#include "CLI/CLI.hpp"

namespace iommulab {

struct machines_arguments {
  std::string kernel{};   ///< empty: see choose_kernel()
  std::string machine{};  ///< a name or a capture's folder; empty to list the built-in ones
  bool json = false;
  std::string dmar_file{};  ///< a table in place of the machine's own; empty: that
};

/// Runs the command and returns its exit status (cli/output/complain.h). What it shows goes to
/// `out`, whole or not at all; when there is no such machine, one sentence goes to `err`.
int run_machines_command(const machines_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `app`. Parsing a command line that names it runs it, on the standard
/// streams, and stores the status in `exit_status`, which outlives `app`.
void add_machines_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
