// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/record_command.h"

#include <cerrno>
#include <iostream>
#include <memory>

#include "cli/iova/choice.h"
#include "cli/output/complain.h"
#include "cli/output/write_file.h"
#include "iova/trace/recorded_end.h"
#include "iova/workload/recorder.h"

namespace iommulab {
namespace {

absl::StatusOr<std::string> record(const iova_record_arguments& a) {
  if (a.output.ends_with(".xz")) {
    return errno_status(EINVAL, "-o ends in .xz: a recorded trace is plain text; pack it with xz");
  }
  if (!a.output.empty()) {
    if (absl::Status status = check_writable(a.output); !status.ok()) return status;
  }
  const auto version = choose_iova_version(a.version);
  if (!version.ok()) return version.status();
  const auto workload = make_iova_workload(a.workload);
  if (!workload.ok()) return workload.status();
  const iova_setup setup = {workload->space, workload->cpus};
  const auto trace = record_workload(
      *workload, **version, [&] { return make_linux_iova_domain((*version)->name, setup); });
  if (!trace.ok()) return trace.status();
  return iova_trace_text(*trace) + recorded_end_line(trace->steps.size());
}

}  // namespace

int run_iova_record(const iova_record_arguments& arguments, std::ostream& out, std::ostream& err) {
  const absl::StatusOr<std::string> text = record(arguments);
  if (!text.ok()) return complain(err, text.status());
  if (arguments.output.empty()) {
    out << *text;
    return static_cast<int>(exit_code::good);
  }
  const absl::Status written = write_file(arguments.output, *text);
  return written.ok() ? static_cast<int>(exit_code::good) : complain(err, written);
}

void add_iova_record_command(CLI::App& iova, int& exit_status) {
  const auto a = std::make_shared<iova_record_arguments>();
  CLI::App* const command = iova.add_subcommand(
      "record", "Run a workload on a kernel version and write what it answers as a trace");
  command->add_option("--workload", a->workload, "See `iommulab iova list`")
      ->type_name("NAME")
      ->required();
  command
      ->add_option("--kernel,--version", a->version,
                   "Kernel: v4_4, v4_4_178, v4_9, v4_19, v6_1, v6_12; or 4.4 …")
      ->type_name("V")
      ->required();
  command->add_option("-o,--output", a->output, "The trace; default: standard output")
      ->type_name("FILE");
  command->footer("Exit status: 0 good; 2 bad use or input.");
  command->callback([a, &exit_status] { exit_status = run_iova_record(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
