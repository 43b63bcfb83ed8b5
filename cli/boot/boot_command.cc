// SPDX-License-Identifier: GPL-2.0-only
#include "cli/boot/boot_command.h"

#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/boot/boot_diff.h"
#include "cli/boot/boot_json.h"
#include "cli/boot/boot_report.h"
#include "cli/boot/boot_text.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"
#include "cli/output/complain.h"
#include "cli/runs/run_options.h"
#include "core/sysfs.h"
#include "lab/events/boot_run.h"
#include "lab/events/traced_functions.h"

namespace iommulab {
namespace {

constexpr const char* this_boot = "in this boot";

/// What the options say together.
absl::Status check(boot_arguments& a) {
  if (absl::Status status = check_run_options(run_options_of(a)); !status.ok()) return status;
  if (a.force && a.sysfs.empty()) return refuse("--force is for --sysfs");
  if (a.diff && !a.sysfs.empty()) return refuse("--sysfs writes one run's tree, --diff has two");
  return absl::OkStatus();
}

/// The request of the first or second run; a value given once is for both.
absl::StatusOr<boot_request> request_for(const boot_arguments& a, size_t which,
                                         trace_class classes) {
  const std::string name = a.machines.empty() ? default_machine : value_for_run(a.machines, which);
  auto machine = choose_machine(
      name, a.dmar_files.empty() ? std::string() : value_for_run(a.dmar_files, which));
  if (!machine.ok()) return machine.status();
  const auto kernel =
      choose_kernel(a.kernels.empty() ? std::string() : value_for_run(a.kernels, which), name);
  if (!kernel.ok()) return kernel.status();
  boot_request request;
  request.kernel = *kernel;
  request.machine = *std::move(machine);
  request.command_line = a.command_lines.empty() ? request.machine.command_line
                                                 : value_for_run(a.command_lines, which);
  request.classes = classes;
  request.until = function_name_of(a.until);
  request.sanitize = a.sanitize;
  return request;
}

absl::StatusOr<std::unique_ptr<boot_run>> run_one(const boot_arguments& a, size_t which,
                                                  trace_class classes) {
  auto request = request_for(a, which, classes);
  if (!request.ok()) return request.status();
  return run_boot(*std::move(request));
}

int show_one(const boot_arguments& a, trace_class classes, std::ostream& out, std::ostream& err) {
  const auto run = run_one(a, 0, classes);
  if (!run.ok()) return complain(err, run.status());
  if (until_missed((*run)->sink, this_boot, err)) return static_cast<int>(exit_code::finding);
  if (!a.sysfs.empty()) {
    const absl::Status written = (*run)->system->sysfs().write_out(a.sysfs, a.force);
    if (!written.ok()) return complain(err, written);
  }
  const boot_report report = report_of(**run, a.dump);
  const bool traced = !a.trace.empty();
  out << (a.json ? boot_to_json(**run, report, traced) : boot_to_text(**run, report, traced));
  return static_cast<int>(report.finding() ? exit_code::finding : exit_code::good);
}

int show_difference(const boot_arguments& a, trace_class classes, std::ostream& out,
                    std::ostream& err) {
  const auto left = run_one(a, 0, classes | trace_class::regs);
  if (!left.ok()) return complain(err, left.status());
  const auto right = run_one(a, 1, classes | trace_class::regs);
  if (!right.ok()) return complain(err, right.status());
  if (until_missed((*left)->sink, this_boot, err) || until_missed((*right)->sink, this_boot, err))
    return static_cast<int>(exit_code::finding);
  const run_difference difference = compare_boots(**left, **right, !a.trace.empty());
  out << (a.json ? difference_to_json("boot_diff", difference) : difference_to_text(difference));
  return static_cast<int>(difference.equal() ? exit_code::good : exit_code::finding);
}

}  // namespace

int run_boot_command(const boot_arguments& given, std::ostream& out, std::ostream& err) {
  boot_arguments arguments = given;
  if (const absl::Status status = check(arguments); !status.ok()) return complain(err, status);
  const auto classes = trace_classes_of(arguments.trace);
  if (!classes.ok()) return complain(err, classes.status());
  return arguments.diff ? show_difference(arguments, *classes, out, err)
                        : show_one(arguments, *classes, out, err);
}

void add_boot_command(CLI::App& app, int& exit_status) {
  const auto a = std::make_shared<boot_arguments>();
  CLI::App* const command =
      app.add_subcommand("boot", "Boot a machine: the kernel's log, its steps, its end state");
  const run_options options = run_options_of(*a);
  const run_option_words words = {
      "q35", "intel_iommu=on, or the capture's", "boots",
      "Check what the driver does to the tables against what the units read and "
      "cache, and show what is wrong"};
  add_system_options(*command, options, words);
  add_trace_options(*command, options);
  command->add_option("--sysfs", a->sysfs, "Write the sysfs tree into this new or empty directory")
      ->type_name("DIR");
  command->add_flag("--force", a->force, "Replace a tree that --sysfs wrote before");
  add_report_options(*command, options, words);
  command->footer(
      "Exit status: 0 good; 1 the kernel stopped, DMA remapping was asked for and is not on, a "
      "diagnosis is an error, --sanitize found an error, the function of --until did not run, or "
      "--diff found a difference; "
      "2 bad use or input.");
  command->callback(
      [a, &exit_status] { exit_status = run_boot_command(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
