// SPDX-License-Identifier: GPL-2.0-only
#include "cli/dmar/dmar_command.h"

#include <iostream>
#include <memory>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "cli/dmar/dmar_json.h"
#include "cli/dmar/dmar_text.h"
#include "cli/output/complain.h"
#include "core/status.h"
#include "platform/firmware/acpi_table.h"
#include "platform/firmware/dmar_table.h"

namespace iommulab {
namespace {

absl::Status refusal(const std::string& file, const dmar_finding& why) {
  return input_error(file, why.where, why.field, absl::StrFormat("0x%x", why.value), why.sentence);
}

}  // namespace

int run_dmar(const dmar_arguments& arguments, std::ostream& out, std::ostream& err) {
  const absl::StatusOr<std::vector<uint8_t>> bytes = read_table_file(arguments.file);
  if (!bytes.ok()) return complain(err, bytes.status());

  const dmar_table table = decode_dmar(*bytes);
  if (!table.decodable) return complain(err, refusal(arguments.file, table.findings.back()));

  out << (arguments.json ? dmar_to_json(table, arguments.file)
                         : dmar_to_text(table, arguments.file));
  const auto damage =
      absl::c_find_if(table.findings, [](const dmar_finding& f) { return is_damage(f.id); });
  if (damage != table.findings.end()) return complain(err, refusal(arguments.file, *damage));
  return static_cast<int>(table.has(diagnosis_severity::warning) ? exit_code::finding
                                                                 : exit_code::good);
}

void add_dmar_command(CLI::App& app, int& exit_status) {
  auto arguments = std::make_shared<dmar_arguments>();
  CLI::App* const command =
      app.add_subcommand("dmar", "Show a DMAR table field by field, and what is wrong with it");
  command->add_option("FILE", arguments->file, "The table, raw, as the kernel's sysfs has it")
      ->required();
  command->add_flag("--json", arguments->json, "Print JSON");
  command->footer(
      "Exit status: 0 good; 1 decoded whole, with warnings or errors; 2 no DMAR table, or one that "
      "is cut short or whose lengths lead nowhere: what can be decoded is shown.");
  command->callback(
      [arguments, &exit_status] { exit_status = run_dmar(*arguments, std::cout, std::cerr); });
}

}  // namespace iommulab
