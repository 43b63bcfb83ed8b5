// SPDX-License-Identifier: GPL-2.0-only
#include "cli/kernels/kernels_command.h"

#include <iostream>
#include <memory>

#include "cli/kernels/kernel_choice.h"
#include "cli/kernels/kernels_report.h"
#include "cli/output/complain.h"

namespace iommulab {

int run_kernels_command(const kernels_arguments& arguments, std::ostream& out, std::ostream& err) {
  if (arguments.diff.empty()) {
    out << (arguments.json ? kernels_json(kernel_profiles()) : kernels_text(kernel_profiles()));
    return static_cast<int>(exit_code::good);
  }
  const auto one = kernel_of_option("--diff", arguments.diff[0]);
  if (!one.ok()) return complain(err, one.status());
  const auto other = kernel_of_option("--diff", arguments.diff[1]);
  if (!other.ok()) return complain(err, other.status());
  if (*one == *other) return complain(err, refuse("--diff compares two kernels, not one"));
  const kernel_comparison comparison = compare_kernels(**one, **other);
  out << (arguments.json ? comparison_json(comparison) : comparison_text(comparison));
  return static_cast<int>(exit_code::good);
}

void add_kernels_command(CLI::App& app, int& exit_status) {
  const auto a = std::make_shared<kernels_arguments>();
  CLI::App* const command =
      app.add_subcommand("kernels", "List the kernels, or what two of them do differently");
  command->add_option("--diff", a->diff, "Two kernels")->expected(2)->type_name("NAME NAME");
  command->add_flag("--json", a->json, "Print one JSON document");
  command->footer("Exit status: 0 good; 2 bad use.");
  command->callback(
      [a, &exit_status] { exit_status = run_kernels_command(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
