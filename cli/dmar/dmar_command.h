// SPDX-License-Identifier: GPL-2.0-or-later
//
// `iommulab dmar FILE [--json]`: shows a DMAR table field by field, and what is wrong with it.
#pragma once

#include <iosfwd>
#include <string>

#include "CLI/CLI.hpp"

namespace iommulab {

enum class dmar_exit_status : int {
  good = 0,
  findings = 1,    ///< Decoded, with findings of severity warning or error.
  unreadable = 2,  ///< Not readable, or not a DMAR table with a whole header.
};

struct dmar_arguments {
  std::string file;
  bool json = false;
};

/// Runs the command and returns its exit status. What it shows goes to `out`, whole or not at
/// all; when the file cannot be decoded, one sentence goes to `err` and nothing to `out`.
int run_dmar(const dmar_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `app`. Parsing a command line that names it runs it, on the standard
/// streams, and stores the status in `exit_status`, which outlives `app`.
void add_dmar_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
