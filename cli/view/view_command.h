// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <ostream>
#include <string>

#include "CLI/CLI.hpp"
#include "cli/runs/run_choice.h"
#include "cli/tours/program_stage.h"

namespace iommulab {

struct view_arguments {
  run_choice run{};
  std::string tour{};        ///< the run is this tour's: a number or a file; empty: `run` says it
  bool diff = false;         ///< two runs beside each other
  std::string output{};      ///< the file that is written
  std::string page_parts{};  ///< a folder of the page's parts, in place of the built-in ones
};

/// `program` carries out the command lines of tours.
int run_view_command(const view_arguments& arguments, const program_runner& program,
                     std::ostream& out, std::ostream& err);

void add_view_command(CLI::App& app, int& exit_status, program_runner program);

}  // namespace iommulab
