// SPDX-License-Identifier: GPL-2.0-only
#include "cli/program/run_program.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include "CLI/CLI.hpp"
#include "cli/output/complain.h"
#include "cli/program/program.h"
#include "cli/program/words.h"

namespace iommulab {

int run_program(std::vector<std::string> words, output_options& output) {
  CLI::App app("The Linux intel-iommu driver stack in user space, on a simulated VT-d", "iommulab");
  app.failure_message([&app](const CLI::App*, const CLI::Error& error) {
    return "iommulab: " + complaint(app, error) + " (see --help)\n";
  });
  int exit_status = 0;
  describe_program(app, exit_status, output);
  words = with_usual_forms(app, std::move(words));
  if (const auto refusal = refusal_of(app, words)) {
    return complain(std::cerr, *refusal + " (see --help)");
  }
  try {
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    exit_status = app.exit(error) == 0 ? 0 : static_cast<int>(exit_code::bad_use);
  }
  return exit_status;
}

}  // namespace iommulab
