// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab boot`: boots a machine and shows what the kernel logs, does, and leaves behind.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

/// The options as given.
struct boot_arguments {
  std::vector<std::string> kernels{};        ///< empty: see choose_kernel()
  std::vector<std::string> machines{};       ///< empty: default_machine
  std::vector<std::string> command_lines{};  ///< empty: the machine's own
  std::string trace{};                       ///< words of --trace, empty without it
  std::string until{};
  std::string sysfs{};  ///< directory to write to
  bool force = false;   ///< a tree that is there already is replaced
  std::string dump{};   ///< words of --dump, empty without it
  bool json = false;
  bool diff = false;
  bool sanitize = false;
  std::vector<std::string> dmar_files{};  ///< tables in place of the machines' own; empty: those
};

/// Runs the command and returns its exit status (cli/output/complain.h). What it shows goes to
/// `out`, whole or not at all; when it cannot run, one sentence goes to `err` and nothing to `out`.
int run_boot_command(const boot_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `app`. Parsing a command line that names it runs it, on the standard
/// streams, and stores the status in `exit_status`, which outlives `app`.
void add_boot_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
