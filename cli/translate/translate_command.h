// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab translate`: where one DMA address of one device leads, entry by entry.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "CLI/CLI.hpp"

namespace iommulab {

/// The options as given.
struct translate_arguments {
  std::string device{};  ///< BDF
  std::string address{};
  std::string kernel{};   ///< empty: see choose_kernel()
  std::string machine{};  ///< empty: the capture that `tables` lies in, else default_machine
  std::optional<std::string> command_line{};  ///< none: the machine's own
  std::string tables{};
  std::string script{};  ///< a script of DMA operations to run before
  bool write = false;
  bool json = false;
  std::string dmar_file{};  ///< a table in place of the machine's own; empty: that
};

/// Runs the command and returns its exit status (cli/output/complain.h): `finding` for a request
/// that is blocked. What it shows goes to `out`, whole or not at all; when it cannot run, one
/// sentence goes to `err`.
int run_translate_command(const translate_arguments& arguments, std::ostream& out,
                          std::ostream& err);

/// Adds the subcommand to `app`. Parsing a command line that names it runs it, on the standard
/// streams, and stores the status in `exit_status`, which outlives `app`.
void add_translate_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
