// SPDX-License-Identifier: GPL-2.0-only
#include "cli/machines/machines_command.h"

#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"
#include "cli/machines/machine_report.h"
#include "cli/machines/machine_text.h"
#include "cli/output/complain.h"
#include "platform/machine/builtin.h"

namespace iommulab {
namespace {

absl::StatusOr<machine_report> report_of(const std::string& kernel_name, const std::string& name,
                                         const std::string& dmar_file = {}) {
  const auto machine = choose_machine(name, dmar_file);
  if (!machine.ok()) return machine.status();
  const auto kernel = choose_kernel(kernel_name, name);
  if (!kernel.ok()) return kernel.status();
  return report_machine(**kernel, *machine);
}

}  // namespace

int run_machines_command(const machines_arguments& arguments, std::ostream& out,
                         std::ostream& err) {
  if (!arguments.machine.empty()) {
    const auto machine = report_of(arguments.kernel, arguments.machine, arguments.dmar_file);
    if (!machine.ok()) return complain(err, machine.status());
    out << (arguments.json ? machine_json(*machine) : machine_text(*machine));
    return static_cast<int>(exit_code::good);
  }
  if (!arguments.dmar_file.empty()) {
    return complain(err, "--dmar gives a table to one machine: name it");
  }
  std::vector<machine_report> all;
  for (const std::string_view name : builtin_machine_names()) {
    auto machine = report_of(arguments.kernel, std::string(name));
    if (!machine.ok()) return complain(err, machine.status());
    all.push_back(*std::move(machine));
  }
  out << (arguments.json ? machine_list_json(all) : machine_list_text(all));
  return static_cast<int>(exit_code::good);
}

void add_machines_command(CLI::App& app, int& exit_status) {
  const auto a = std::make_shared<machines_arguments>();
  CLI::App* const command =
      app.add_subcommand("machines", "List the built-in machines, or show one machine's hardware");
  command->add_option("MACHINE", a->machine, machine_option_words)->type_name("NAME|DIR");
  add_kernel_option(*command, a->kernel);
  add_dmar_option(*command, a->dmar_file);
  command->add_flag("--json", a->json, "Print one JSON document");
  command->footer("Exit status: 0 good; 2 bad use or input.");
  command->callback(
      [a, &exit_status] { exit_status = run_machines_command(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
