// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab vfio`: a program that uses VFIO and iommufd, told by a script what to do.
#pragma once

#include <iosfwd>
#include <string>

#include "CLI/CLI.hpp"
#include "cli/runs/client_choice.h"

namespace iommulab {

/// The options as given.
struct vfio_arguments {
  std::string script;
  std::string kernel{};     ///< empty: the one that the capture's path names, else v6_12
  std::string machine{};    ///< empty: the capture that the script lies in, else q35
  std::string dmar_file{};  ///< empty: the machine's own table
  std::string command_line{};
  bool has_command_line = false;
  client_modules modules{};
  std::string trace{};
  bool sanitize = false;
  bool json = false;
};

/// Runs the command and returns its exit status (cli/output/complain.h): `finding` when the kernel
/// stopped, or the sanitizer found an error. What it shows goes to `out`, whole or not at all; when
/// it cannot run, one sentence goes to `err`.
int run_vfio_command(const vfio_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `app`. Parsing a command line that names it runs it, on the standard
/// streams, and stores the status in `exit_status`, which outlives `app`.
void add_vfio_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
