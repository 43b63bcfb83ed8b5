// SPDX-License-Identifier: GPL-2.0-only
#include "cli/boot/boot_command.h"

#include <algorithm>
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
#include "core/sysfs.h"
#include "lab/events/boot_run.h"
#include "lab/events/trace_choice.h"

namespace iommulab {
namespace {

/// What the options say together.
absl::Status check(const boot_arguments& a) {
  const size_t most =
      std::max({a.kernels.size(), a.machines.size(), a.command_lines.size(), a.dmar_files.size()});
  if (a.diff && (most != 2)) {
    return refuse("--diff compares two runs: give --kernel, --machine, --dmar or --cmdline twice");
  }
  if (!a.diff && most > 1) {
    return refuse("--kernel, --machine, --dmar and --cmdline are given twice only for --diff");
  }
  if (a.diff && a.sanitize) return refuse("--sanitize checks one run, --diff has two");
  if (a.force && a.sysfs.empty()) return refuse("--force is for --sysfs");
  if (a.diff && !a.sysfs.empty()) return refuse("--sysfs writes one run's tree, --diff has two");
#ifdef IOMMULAB_NO_TRACE
  if (!a.trace.empty() || !a.until.empty() || a.diff) {
    return refuse("this iommulab was built without tracing");
  }
#endif
  return absl::OkStatus();
}

/// The request of the first or second run; a value given once is for both.
absl::StatusOr<boot_request> request_for(const boot_arguments& a, size_t which,
                                         trace_class classes) {
  const auto pick = [which](const std::vector<std::string>& values) {
    return values[std::min(which, values.size() - 1)];
  };
  const std::string name = a.machines.empty() ? default_machine : pick(a.machines);
  auto machine = choose_machine(name, a.dmar_files.empty() ? std::string() : pick(a.dmar_files));
  if (!machine.ok()) return machine.status();
  const auto kernel = choose_kernel(a.kernels.empty() ? std::string() : pick(a.kernels), name);
  if (!kernel.ok()) return kernel.status();
  boot_request request;
  request.kernel = *kernel;
  request.machine = *std::move(machine);
  request.command_line =
      a.command_lines.empty() ? request.machine.command_line : pick(a.command_lines);
  request.classes = classes;
  request.until = a.until;
  request.sanitize = a.sanitize;
  return request;
}

absl::StatusOr<std::unique_ptr<boot_run>> run_one(const boot_arguments& a, size_t which,
                                                  trace_class classes) {
  auto request = request_for(a, which, classes);
  if (!request.ok()) return request.status();
  return run_boot(*std::move(request));
}

/// Says so when the function of --until was not seen to return.
bool missed(const boot_run& run, std::ostream& err) {
  if (run.sink.until().empty() || run.sink.returned()) return false;
  complain(err, absl::StrFormat("--until: %s() %s in this boot", run.sink.until(),
                                run.sink.entered() ? "did not return" : "was not called"));
  return true;
}

int show_one(const boot_arguments& a, trace_class classes, std::ostream& out, std::ostream& err) {
  const auto run = run_one(a, 0, classes);
  if (!run.ok()) return complain(err, run.status());
  if (missed(**run, err)) return static_cast<int>(exit_code::finding);
  if (!a.sysfs.empty()) {
    const absl::Status written = (*run)->system->sysfs().write_out(a.sysfs, a.force);
    if (!written.ok()) return complain(err, written);
  }
  const boot_report report = report_of(**run);
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
  if (missed(**left, err) || missed(**right, err)) return static_cast<int>(exit_code::finding);
  const boot_difference difference = compare_boots(**left, **right, !a.trace.empty());
  out << (a.json ? difference_to_json(difference) : difference_to_text(difference));
  return static_cast<int>(difference.equal() ? exit_code::good : exit_code::finding);
}

}  // namespace

int run_boot_command(const boot_arguments& arguments, std::ostream& out, std::ostream& err) {
  if (const absl::Status status = check(arguments); !status.ok()) return complain(err, status);
  trace_class classes = trace_class::none;
  if (!arguments.trace.empty()) {
    const auto chosen = parse_trace_classes(arguments.trace);
    if (!chosen.ok()) return complain(err, chosen.status());
    classes = *chosen;
  }
  return arguments.diff ? show_difference(arguments, classes, out, err)
                        : show_one(arguments, classes, out, err);
}

void add_boot_command(CLI::App& app, int& exit_status) {
  const auto a = std::make_shared<boot_arguments>();
  CLI::App* const command =
      app.add_subcommand("boot", "Boot a machine: the kernel's log, its steps, its end state");
  add_kernel_option(*command, a->kernels)->expected(1)->take_all();
  command
      ->add_option("--machine", a->machines,
                   "Built-in machine (see `iommulab machines`) or a capture's folder; default "
                   "q35. Twice with --diff")
      ->type_name("NAME|DIR")
      ->expected(1)
      ->take_all();
  add_dmar_option(*command, a->dmar_files)->expected(1)->take_all();
  command
      ->add_option("--cmdline", a->command_lines,
                   "The kernel's command line; default intel_iommu=on, or the capture's. Twice "
                   "with --diff")
      ->type_name("TEXT")
      ->expected(1)
      ->take_all();
  command->add_flag(
      "--trace{calls}", a->trace,
      "Show events in their order, --trace=CLASS,...: calls (alone the default), "
      "regs, tables, queue, iova, pages, faults, log, domains, devices, unit, answers, "
      "all");
  command->add_option("--until", a->until, "Stop behind the first return of this kernel function")
      ->type_name("FUNCTION");
  command->add_option("--sysfs", a->sysfs, "Write the sysfs tree into this new or empty directory")
      ->type_name("DIR");
  command->add_flag("--force", a->force, "Replace a tree that --sysfs wrote before");
  command->add_flag("--json", a->json, "Print one JSON document");
  command->add_flag("--sanitize", a->sanitize,
                    "Check what the driver does to the tables against what the units read and "
                    "cache, and show what is wrong");
  command->add_flag("--diff", a->diff, "Run two boots and show what differs");
  command->footer(
      "Exit status: 0 good; 1 the kernel stopped, DMA remapping was asked for and is not on, a "
      "diagnosis is an error, --sanitize found an error, the function of --until did not run, or "
      "--diff found a difference; "
      "2 bad use or input.");
  command->callback(
      [a, &exit_status] { exit_status = run_boot_command(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
