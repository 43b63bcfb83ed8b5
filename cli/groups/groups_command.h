// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab groups`: the IOMMU groups that Linux makes of a machine, and why.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

/// The options as given.
struct groups_arguments {
  std::string machine = "q35";
  std::string kernel{};            ///< empty: the one that the machine ran, or 6.12
  std::string dmar_file{};         ///< empty: the machine's own table
  std::string pci_ids{};           ///< a list of names; empty: the system's
  std::vector<std::string> why{};  ///< none, one or two addresses
  bool json = false;
  bool dot = false;
  bool svg = false;
};

/// Runs the command and returns its exit status (cli/output/complain.h): `finding` where the groups
/// differ from those that the listing shows. What it shows goes to `out`, whole or not at all; when
/// it cannot run, one sentence goes to `err`.
int run_groups_command(const groups_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `app`. Parsing a command line that names it runs it, on the standard
/// streams, and stores the status in `exit_status`, which outlives `app`.
void add_groups_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
