// SPDX-License-Identifier: GPL-2.0-or-later
//
// iommulab: one binary, a subcommand a task. Exit status 0 good, 1 a finding, 2 bad use or input.
#include <cstdio>
#include <exception>
#include <string>

#include "CLI/CLI.hpp"
#include "cli/boot/boot_command.h"
#include "cli/dmar/dmar_command.h"
#include "cli/iova/iova_command.h"
#include "cli/machines/machines_command.h"
#include "cli/verify/verify_command.h"

int main(int argc, char** argv) {
  CLI::App app("The Linux intel-iommu driver stack in user space, on a simulated VT-d", "iommulab");
  app.set_version_flag("--version", std::string("iommulab ") + IOMMULAB_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return std::string("iommulab: ") + error.what() + " (see --help)\n";
  });
  int exit_status = 0;
  iommulab::add_boot_command(app, exit_status);
  iommulab::add_dmar_command(app, exit_status);
  iommulab::add_iova_command(app, exit_status);
  iommulab::add_machines_command(app, exit_status);
  iommulab::add_verify_command(app, exit_status);
  for (CLI::App* command : app.get_subcommands({})) {
    command->set_version_flag("--version", std::string("iommulab ") + IOMMULAB_VERSION);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    constexpr int bad_use = 2;
    return app.exit(error) == 0 ? 0 : bad_use;
  }
  return exit_status;
}
