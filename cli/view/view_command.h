// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <ostream>
#include <string>

#include "CLI/CLI.hpp"
#include "cli/runs/run_choice.h"

namespace iommulab {

struct view_arguments {
  run_choice run{};
  std::string output{};      ///< the file that is written
  std::string page_parts{};  ///< a folder of the page's parts, in place of the built-in ones
};

int run_view_command(const view_arguments& arguments, std::ostream& out, std::ostream& err);

void add_view_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
