// SPDX-License-Identifier: GPL-2.0-only
//
// The command line of the program, described and not run.
#pragma once

#include "cli/program/program.h"

namespace iommulab {

struct whole_program {
  whole_program() { describe_program(app, exit_status, output); }

  /// Every command, the program itself first.
  [[nodiscard]] std::vector<const CLI::App*> commands() const {
    std::vector<const CLI::App*> all = {&app};
    for (size_t i = 0; i < all.size(); ++i) {
      for (const CLI::App* below : commands_of(*all[i])) all.push_back(below);
    }
    return all;
  }

  int exit_status = -1;
  output_options output;
  CLI::App app{"what it is", "iommulab"};
};

}  // namespace iommulab
