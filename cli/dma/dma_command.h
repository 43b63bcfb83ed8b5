// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab dma`: runs a script of DMA operations, and checks what the script says of their
// results.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

/// The options as given.
struct dma_arguments {
  std::string script{};
  /// Empty: see choose_kernel(). Several without `diff`: their results beside each other.
  std::vector<std::string> kernels{};
  std::vector<std::string> machines{};       ///< empty: the capture that the script lies in, else
                                             ///< default_machine
  std::vector<std::string> dmar_files{};     ///< tables in place of the machines' own
  std::vector<std::string> command_lines{};  ///< empty: the script's own, else the machine's
  std::string trace{};                       ///< words of --trace, empty without it
  std::string until{};
  std::string dump{};  ///< words of --dump, empty without it
  bool quiet = false;  ///< only differences and the last line
  bool json = false;
  bool diff = false;
  bool sanitize = false;  ///< check the driver while the script runs
};

/// Runs the command and returns its exit status (cli/output/complain.h): `finding` when an
/// operation gave something else than the script says, the kernel stopped, or the sanitizer found
/// an error. A script that cannot be run gives one sentence on `err`.
int run_dma_command(const dma_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `app`; see add_translate_command().
void add_dma_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
