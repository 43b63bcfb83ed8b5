// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/runs/run_choice.h"

namespace iommulab {

struct step_arguments {
  /// A command, or a file of commands.
  struct given {
    bool is_file = false;
    std::string text;
  };

  run_choice run{};
  std::vector<given> first{};  ///< before anything else, in this order
  bool batch = false;          ///< nothing else then
};

/// What is not in `first` comes from `in`: when that is std::cin and a terminal, somebody types.
int run_step_command(const step_arguments& arguments, std::istream& in, std::ostream& out,
                     std::ostream& err);

void add_step_command(CLI::App& app, int& exit_status);

}  // namespace iommulab
