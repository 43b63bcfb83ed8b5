// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab fault`: explains what kernels log about DMAR faults.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

struct fault_arguments {
  std::vector<std::string> inputs{};  ///< lines, files, or "-" for standard input
  std::string machine{};              ///< names devices and reserved regions; may be empty
  bool json = false;
};

/// Runs the command and returns its exit status (cli/output/complain.h): `finding` when what was
/// read holds no fault, one of another IOMMU alone, a line that does not read, or a reason that
/// is not known. `in` is what "-" reads.
int run_fault_command(const fault_arguments& arguments, std::istream& in, std::ostream& out,
                      std::ostream& err);

/// Adds the subcommand to `app`. Parsing a command line that names it runs it, on the standard
/// streams, and stores the status in `exit_status`, which outlives `app`.
void add_fault_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
