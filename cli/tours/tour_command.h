// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab tour`: lists the tours, or goes through one.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/tours/audience.h"
#include "cli/tours/program_stage.h"

namespace iommulab {

struct tour_arguments {
  std::string which{};   ///< a number or a file; empty: the list
  std::string kernel{};  ///< empty: the tour's first
  std::string files{};   ///< a folder to write the tour's files to, and nothing else is done
  uint64_t from = 1;     ///< a stop's number
  bool full = false;     ///< outputs are not shortened
  bool no_pause = false;
};

/// Runs the command and returns its exit status: `finding` when something is not as the tour says.
int run_tour_command(const tour_arguments& arguments, const program_runner& program,
                     tours::audience& to, std::ostream& out, std::ostream& err);

/// Adds the subcommand to `app`. Parsing a command line that names it runs it, on the standard
/// streams, and stores the status in `exit_status`, which outlives `app`. `program` carries out the
/// command lines of tours.
void add_tour_command(CLI::App& app, int& exit_status, program_runner program);

}  // namespace iommulab
