// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab kernels`: which kernels there are, and in what two of them differ.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

/// The options as given.
struct kernels_arguments {
  std::vector<std::string> diff{};  ///< two names, or none
  bool json = false;
};

/// Runs the command and returns its exit status (cli/output/complain.h).
int run_kernels_command(const kernels_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `app`; see add_translate_command().
void add_kernels_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
