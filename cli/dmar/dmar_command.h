// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab dmar FILE`: shows a DMAR table field by field, and what is wrong with it; or, with
// --machine, a machine's table.
#pragma once

#include <iosfwd>
#include <string>

#include "CLI/CLI.hpp"

namespace iommulab {

struct dmar_arguments {
  std::string file{};  ///< "-" for standard input; empty: the machine's own table
  bool json = false;
  std::string machine{};     ///< whose memory and units the table is judged with; empty: none
  std::string memory_map{};  ///< file with the firmware's map; empty: the machine's
  std::string output{};      ///< where the table goes, raw, instead of being shown; "-": `out`
  std::string kernel{};      ///< whose opinion; empty: see choose_kernel()
};

/// Runs the command and returns its exit status: 0 good; 1 decoded whole, with warnings or errors;
/// 2 not a DMAR table, or a damaged one (is_damage()). The decode goes to `out`, whole or not at
/// all; with an output file, nothing. Status 2 comes with one sentence on `err`; `out` then has
/// what can be decoded, and nothing when there is not even a whole header.
int run_dmar(const dmar_arguments& arguments, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `app`. Parsing a command line that names it runs it, on the standard
/// streams, and stores the status in `exit_status`, which outlives `app`.
void add_dmar_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
