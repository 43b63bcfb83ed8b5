// SPDX-License-Identifier: GPL-2.0-only
//
// iommulab: one binary, a subcommand a task. Exit status 0 good, 1 a finding, 2 bad use or input.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/boot/boot_command.h"
#include "cli/dma/dma_command.h"
#include "cli/dmar/dmar_command.h"
#include "cli/fault/fault_command.h"
#include "cli/iova/iova_command.h"
#include "cli/kernels/kernels_command.h"
#include "cli/machines/machines_command.h"
#include "cli/pagetable/pagetable_command.h"
#include "cli/translate/translate_command.h"
#include "cli/verify/verify_command.h"

namespace {

constexpr int bad_use = 2;

/// The first word that stands where a command should and is none, or null. CLI11 would only say
/// that a subcommand is missing.
const char* unknown_command(const CLI::App& app, int argc, char** argv) {
  const CLI::App* at = &app;
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    if (at->get_subcommands([](const CLI::App*) { return true; }).empty()) return nullptr;
    const auto named =
        at->get_subcommands([&](const CLI::App* command) { return command->check_name(argv[i]); });
    if (named.empty()) return argv[i];
    at = named.front();
  }
  return nullptr;
}

/// What to say of arguments that do not parse. CLI11 looks for what is missing before it looks at
/// what nobody asked for; a mistyped option is both, and its name is what helps.
std::string complaint(const CLI::App& app, const CLI::Error& error) {
  const std::vector<std::string> unexpected = app.remaining(/*recurse=*/true);
  if (dynamic_cast<const CLI::RequiredError*>(&error) == nullptr || unexpected.empty()) {
    return error.what();
  }
  return CLI::ExtrasError(unexpected).what();
}

int run(int argc, char** argv) {
  CLI::App app("The Linux intel-iommu driver stack in user space, on a simulated VT-d", "iommulab");
  app.set_version_flag("--version", std::string("iommulab ") + IOMMULAB_VERSION);
  app.require_subcommand(1);
  app.failure_message([&app](const CLI::App*, const CLI::Error& error) {
    return "iommulab: " + complaint(app, error) + " (see --help)\n";
  });
  int exit_status = 0;
  iommulab::add_boot_command(app, exit_status);
  iommulab::add_dma_command(app, exit_status);
  iommulab::add_dmar_command(app, exit_status);
  iommulab::add_fault_command(app, exit_status);
  iommulab::add_iova_command(app, exit_status);
  iommulab::add_kernels_command(app, exit_status);
  iommulab::add_machines_command(app, exit_status);
  iommulab::add_translate_command(app, exit_status);
  iommulab::add_pagetable_command(app, exit_status);
  iommulab::add_verify_command(app, exit_status);
  for (CLI::App* command : app.get_subcommands({})) {
    command->set_version_flag("--version", std::string("iommulab ") + IOMMULAB_VERSION);
  }
  if (const char* word = unknown_command(app, argc, argv); word != nullptr) {
    std::fprintf(stderr, "iommulab: '%s' is no command (see --help)\n", word);
    return bad_use;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_status = app.exit(error) == 0 ? 0 : bad_use;
  }
  std::cout.flush();
  if (!std::cout || std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    std::fprintf(stderr, "iommulab: standard output: cannot be written: %s\n",
                 std::strerror(errno));
    return bad_use;
  }
  return exit_status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "iommulab: %s\n", error.what());
    return bad_use;
  }
}
