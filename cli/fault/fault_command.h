// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab fault`: explains what kernels log about DMAR faults.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

class byte_source;

struct fault_arguments {
  std::vector<std::string> inputs{};  ///< lines, files, or "-" for standard input
  std::string machine{};              ///< names devices and reserved regions; may be empty
  bool json = false;
};

/// Runs the command and returns its exit status (cli/output/complain.h): `finding` when something
/// stays unexplained: a reason or a line of the driver that is not known, or one that does not
/// read; also faults of another IOMMU alone. `in` is what "-" reads; while it pauses, text shows
/// what is there so far.
int run_fault_command(const fault_arguments& arguments, byte_source& in, std::ostream& out,
                      std::ostream& err);
int run_fault_command(const fault_arguments& arguments, std::istream& in, std::ostream& out,
                      std::ostream& err);

/// Adds the subcommand to `app`. Parsing a command line that names it runs it, on the standard
/// streams, and stores the status in `exit_status`, which outlives `app`.
void add_fault_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
