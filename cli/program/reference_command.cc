// SPDX-License-Identifier: GPL-2.0-only
#include "cli/program/reference_command.h"

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/output/complain.h"
#include "cli/output/write_file.h"
#include "cli/program/completion.h"
#include "cli/program/man_page.h"
#include "cli/program/program.h"

namespace iommulab {
namespace {

absl::Status write_pages(const CLI::App& command, const std::string& folder) {
  const std::string name = full_name(command, "-");
  absl::Status status = write_file(absl::StrCat(folder, "/", name, ".1"), man_page(command));
  for (const CLI::App* below : commands_of(command)) {
    if (status.ok()) status = write_pages(*below, folder);
  }
  return status;
}

absl::Status write_reference(const CLI::App& app, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return errno_status(error.value(), absl::StrFormat("%s: %s", folder, error.message()));
  }
  if (absl::Status status = write_pages(app, folder); !status.ok()) return status;
  absl::Status status = write_file(folder + "/iommulab.bash", bash_completion(app));
  return status.ok() ? write_file(folder + "/_iommulab", zsh_completion(app)) : status;
}

}  // namespace

void add_reference_command(CLI::App& app, int& exit_status) {
  const auto folder = std::make_shared<std::string>();
  CLI::App* const command = app.add_subcommand("reference", "Write manual pages and completion");
  command->group("");  // hidden
  command->add_option("DIR", *folder, "Where to")->required();
  command->callback([folder, &app, &exit_status] {
    const absl::Status status = write_reference(app, *folder);
    exit_status = status.ok() ? 0 : complain(std::cerr, status);
  });
}

}  // namespace iommulab
