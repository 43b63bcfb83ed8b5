// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab pagetable replay FILE…`: every result of recorded runs, checked.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace iommulab {

struct page_table_replay_arguments {
  std::string kernel{};  ///< empty: the one that each file's path names, or else the default
  std::vector<std::string> files{};
  bool json = false;
};

/// Runs the command and returns its exit status (cli/output/complain.h). What it shows goes to
/// `out`, whole or not at all; a refusal is one sentence on `err`.
int run_page_table_replay(const page_table_replay_arguments& arguments, std::ostream& out,
                          std::ostream& err);

/// Adds the subcommand to `pagetable`; see add_pagetable_command().
void add_page_table_replay_command(CLI::App& pagetable, int& exit_status);

}  // namespace iommulab
