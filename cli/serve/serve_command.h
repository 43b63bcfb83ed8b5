// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab serve`: an unmodified program finds the system's /dev/vfio, /dev/iommu and /sys.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/runs/client_choice.h"
#include "cli/serve/served_options.h"

namespace iommulab {

/// The options as given.
struct serve_arguments {
  served_options served{};
  client_modules modules{};
  std::vector<std::string> program{};  ///< with its arguments
};

/// Runs the program to its end and returns its exit status, 128 and the signal's number when one
/// ended it; `bad_use`, with one sentence on `err`, when the system cannot be or the program cannot
/// be started.
int run_serve_command(const serve_arguments& arguments, std::ostream& err);

/// Adds the subcommand to `app`. Parsing a command line that names it runs it, and stores the
/// status in `exit_status`, which outlives `app`.
void add_serve_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
