// SPDX-License-Identifier: GPL-2.0-only
//
// iommulab verify DIR…: a maintainer's regression run against captures of real kernels.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

/// The options as given.
struct verify_arguments {
  std::vector<std::string> folders{};
  std::string kernel{};                ///< empty: the one that a path names
  std::vector<std::string> classes{};  ///< words of --class; empty: all
  std::string junit{};                 ///< file to write; empty: none
  bool quiet = false;
  bool full = false;
  bool json = false;
  bool progress = false;  ///< say on `err` which capture is being run
};

/// Runs the command and returns its exit status: 0 all equal, 1 a difference or something that is
/// not compared, 2 a capture that is damaged or cannot be run, or no capture at all.
int run_verify_command(const verify_arguments& arguments, std::ostream& out, std::ostream& err);

void add_verify_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
