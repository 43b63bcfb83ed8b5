// SPDX-License-Identifier: GPL-2.0-or-later
//
// iommulab: one binary, a subcommand a task. Exit status 0 good, 1 a finding, 2 bad use or input.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>

#include "CLI/CLI.hpp"
#include "cli/boot/boot_command.h"
#include "cli/dmar/dmar_command.h"
#include "cli/iova/iova_command.h"
#include "cli/machines/machines_command.h"
#include "cli/verify/verify_command.h"

namespace {

constexpr int bad_use = 2;

/// CLI11 says of an unknown first word only that a subcommand is missing: we say which word it is.
bool names_no_command(const CLI::App& app, const char* word) {
  const auto has_that_name = [word](const CLI::App* command) { return command->check_name(word); };
  return word[0] != '-' && app.get_subcommands(has_that_name).empty();
}

}  // namespace

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
  if (argc > 1 && names_no_command(app, argv[1])) {
    std::fprintf(stderr, "iommulab: '%s' is no command (see --help)\n", argv[1]);
    return bad_use;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_status = app.exit(error) == 0 ? 0 : bad_use;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "iommulab: %s\n", error.what());
    exit_status = bad_use;
  }
  std::cout.flush();
  if (!std::cout || std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    std::fprintf(stderr, "iommulab: standard output: cannot be written: %s\n",
                 std::strerror(errno));
    return bad_use;
  }
  return exit_status;
}
