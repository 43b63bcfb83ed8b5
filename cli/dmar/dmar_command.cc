// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/dmar/dmar_command.h"

#include <iostream>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "cli/dmar/dmar_json.h"
#include "cli/dmar/dmar_text.h"
#include "core/status.h"
#include "platform/firmware/acpi_table.h"
#include "platform/firmware/dmar_table.h"

namespace iommulab {
namespace {

int status_of(dmar_exit_status status) {
  return static_cast<int>(status);
}

int refuse(const absl::Status& status, std::ostream& err) {
  err << "iommulab dmar: " << std::string(status.message()) << '\n';
  return status_of(dmar_exit_status::unreadable);
}

}  // namespace

int run_dmar(const dmar_arguments& arguments, std::ostream& out, std::ostream& err) {
  const absl::StatusOr<std::vector<uint8_t>> bytes = read_table_file(arguments.file);
  if (!bytes.ok()) return refuse(bytes.status(), err);

  const dmar_table table = decode_dmar(*bytes);
  if (!table.decodable) {
    const dmar_finding& why = table.findings.back();
    return refuse(input_error(arguments.file, why.offset, why.field,
                              absl::StrFormat("0x%x", why.value), why.sentence),
                  err);
  }
  out << (arguments.json ? dmar_to_json(table, arguments.file)
                         : dmar_to_text(table, arguments.file));
  return status_of(table.has(dmar_severity::warning) ? dmar_exit_status::findings
                                                     : dmar_exit_status::good);
}

void add_dmar_command(CLI::App& app, int& exit_status) {
  auto arguments = std::make_shared<dmar_arguments>();
  CLI::App* const command =
      app.add_subcommand("dmar", "Show a DMAR table field by field, and what is wrong with it");
  command->add_option("FILE", arguments->file, "The table, raw, as the kernel's sysfs has it")
      ->required();
  command->add_flag("--json", arguments->json, "Print JSON");
  command->footer(
      "Exit status: 0 good; 1 decoded, with warnings or errors; 2 no readable DMAR table.");
  command->callback(
      [arguments, &exit_status] { exit_status = run_dmar(*arguments, std::cout, std::cerr); });
}

}  // namespace iommulab
