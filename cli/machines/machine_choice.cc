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
#include "platform/listing/machine_folder.h"
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

std::optional<machine_files> found_files(const std::string& name_or_folder) {
  if (name_or_folder == live_machine) return files_of_this_computer();
  if (!builtin_machine(name_or_folder) && is_machine_folder(name_or_folder)) {
    return files_of_folder(name_or_folder);
  }
  return std::nullopt;
}

absl::StatusOr<machine_config> choose_machine(const std::string& name_or_folder) {
  if (std::optional<machine_config> machine = builtin_machine(name_or_folder)) {
    machine->command_line = default_command_line;
    return *std::move(machine);
  }
  if (const auto files = found_files(name_or_folder)) return machine_of(*files);
  std::error_code ignored;
  if (!std::filesystem::is_directory(name_or_folder, ignored)) {
    return errno_status(
        ENOENT, absl::StrFormat("machine '%s': neither a folder nor a built-in machine; the "
                                "built-in machines are %s, and live is this computer",
                                name_or_folder, names()));
  }
  return load_capture(name_or_folder);
}

absl::StatusOr<machine_config> choose_machine(const std::string& name_or_folder,
                                              const std::string& dmar_file) {
  if (dmar_file.empty()) return choose_machine(name_or_folder);
  absl::StatusOr<std::vector<uint8_t>> table = read_whole_dmar_file(dmar_file);
  if (!table.ok()) return table.status();
  // The units of a machine that was only listed are those of its table.
  if (const auto files = found_files(name_or_folder)) return machine_of(*files, *std::move(table));
  absl::StatusOr<machine_config> machine = choose_machine(name_or_folder);
  if (machine.ok()) machine->dmar_table = *std::move(table);
  return machine;
}

}  // namespace iommulab
