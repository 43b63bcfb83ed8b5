// SPDX-License-Identifier: GPL-2.0-only
#include "cli/machines/machine_choice.h"

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "platform/firmware/dmar_table.h"
#include "platform/lspci/listed_folder.h"
#include "platform/machine/builtin.h"
#include "platform/machine/capture_loader.h"

namespace iommulab {
namespace {

std::string names() {
  std::string list;
  for (const std::string_view name : builtin_machine_names()) {
    if (!list.empty()) list += ", ";
    list += name;
  }
  return list;
}

}  // namespace

absl::StatusOr<machine_config> choose_machine(const std::string& name_or_folder) {
  if (std::optional<machine_config> machine = builtin_machine(name_or_folder)) {
    machine->command_line = default_command_line;
    return *std::move(machine);
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(name_or_folder, ignored)) {
    return errno_status(
        ENOENT, absl::StrFormat("machine '%s': neither a capture's folder nor a built-in machine; "
                                "the built-in machines are %s",
                                name_or_folder, names()));
  }
  if (is_listed_folder(name_or_folder)) return load_listed_folder(name_or_folder);
  return load_capture(name_or_folder);
}

absl::StatusOr<machine_config> choose_machine(const std::string& name_or_folder,
                                              const std::string& dmar_file) {
  if (dmar_file.empty()) return choose_machine(name_or_folder);
  absl::StatusOr<std::vector<uint8_t>> table = read_whole_dmar_file(dmar_file);
  if (!table.ok()) return table.status();
  // The units of a machine that was only listed are those of its table.
  if (!builtin_machine(name_or_folder) && is_listed_folder(name_or_folder)) {
    return load_listed_folder(name_or_folder, *std::move(table));
  }
  absl::StatusOr<machine_config> machine = choose_machine(name_or_folder);
  if (machine.ok()) machine->dmar_table = *std::move(table);
  return machine;
}

}  // namespace iommulab
