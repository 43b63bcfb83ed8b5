// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/bench_command.h"

#include <unistd.h>

#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/iova/bench_compare.h"
#include "cli/iova/bench_report.h"
#include "cli/iova/choice.h"
#include "cli/output/complain.h"
#include "cli/output/number_option.h"
#include "cli/output/progress_line.h"
#include "iova/workload/workload.h"

namespace iommulab {
namespace {

constexpr uint64_t usual_repeat = 5;
constexpr double usual_alpha = 0.05;

absl::StatusOr<std::vector<iova_workload>> choose_workloads(const std::vector<std::string>& names) {
  std::vector<std::string> chosen = names;
  if (chosen.empty()) {
    for (const iova_workload_entry& entry : iova_workloads()) {
      if (entry.example.find(':') == std::string_view::npos) chosen.emplace_back(entry.example);
    }
  }
  std::vector<iova_workload> workloads;
  for (const std::string& name : chosen) {
    auto workload = make_iova_workload(name);
    if (!workload.ok()) return workload.status();
    workloads.push_back(*std::move(workload));
  }
  return workloads;
}

absl::StatusOr<bench_report> measure(const iova_bench_arguments& a, std::ostream& err) {
  bench_report report = {a.repeat.value_or(usual_repeat), a.build, this_machine(), {}};
  if (report.repeat < 1 || report.repeat > 1000) {
    return refuse(absl::StrFormat("--repeat is \"%d\": must be 1 to 1000", report.repeat));
  }
  if (a.alpha) return refuse("--alpha goes with --compare");
  const auto allocators = choose_iova_allocators(a.allocators);
  if (!allocators.ok()) return allocators.status();
  const auto workloads = choose_workloads(a.workloads);
  if (!workloads.ok()) return workloads.status();
  progress_line progress(a.progress ? &err : nullptr, allocators->size() * workloads->size());
  for (const iova_workload& workload : *workloads) {
    bench_table table = {workload.name, {}};
    for (const iova_catalogue_entry* allocator : *allocators) {
      progress.next(absl::StrFormat("%s on %s", workload.name, allocator->name));
      const auto cost = measure_cost(*allocator, workload, static_cast<unsigned>(report.repeat));
      if (!cost.ok()) return cost.status();
      table.rows.push_back({allocator->name, *cost});
    }
    report.tables.push_back(std::move(table));
  }
  return report;
}

absl::StatusOr<bench_comparison> compare(const iova_bench_arguments& a) {
  if (a.compare.size() != 2) return refuse("--compare takes two files");
  if (!a.allocators.empty() || !a.workloads.empty() || a.repeat) {
    return refuse("--compare measures nothing: it takes no --allocator, --workload or --repeat");
  }
  const double alpha = a.alpha.value_or(usual_alpha);
  if (!(alpha > 0 && alpha < 1)) {
    return refuse(absl::StrFormat("--alpha is \"%g\": must lie between 0 and 1", alpha));
  }
  auto before = read_benched_run(a.compare[0]);
  if (!before.ok()) return before.status();
  auto after = read_benched_run(a.compare[1]);
  if (!after.ok()) return after.status();
  return compare_runs(*std::move(before), *std::move(after), alpha);
}

int run_compare(const iova_bench_arguments& arguments, std::ostream& out, std::ostream& err) {
  const auto comparison = compare(arguments);
  if (!comparison.ok()) return complain(err, comparison.status());
  out << (arguments.json ? comparison_to_json(*comparison) : comparison_to_text(*comparison));
  return static_cast<int>(comparison->differs() ? exit_code::finding : exit_code::good);
}

}  // namespace

int run_iova_bench(const iova_bench_arguments& arguments, std::ostream& out, std::ostream& err) {
  if (!arguments.compare.empty()) return run_compare(arguments, out, err);
  const auto report = measure(arguments, err);
  if (!report.ok()) return complain(err, report.status());
  warn_of_build(err, arguments.build);
  out << (arguments.json ? bench_to_json(*report) : bench_to_text(*report));
  return static_cast<int>(exit_code::good);
}

void add_iova_bench_command(CLI::App& iova, int& exit_status) {
  const auto a = std::make_shared<iova_bench_arguments>();
  CLI::App* const command =
      iova.add_subcommand("bench", "Measure allocators under workloads: time, and what is counted");
  command->add_option("--allocator", a->allocators, "May be given several times; default: all")
      ->type_name("NAME")
      ->expected(1)
      ->take_all();
  command
      ->add_option("--workload", a->workloads,
                   "May be given several times; default: one of each family")
      ->type_name("NAME")
      ->expected(1)
      ->take_all();
  add_whole_number(*command, "--repeat", a->repeat,
                   "Timed runs, of which the median counts; default 5");
  command
      ->add_option("--compare", a->compare,
                   "Measure nothing: hold two documents of --json against each other, row by row, "
                   "by Mann and Whitney's U test")
      ->type_name("FILE FILE")
      ->expected(2);
  add_decimal_number(*command, "--alpha", a->alpha,
                     "With --compare: a p below it is a difference; default 0.05");
  command->add_flag("--json", a->json, "Print one JSON document");
  command->footer(
      "See `iommulab iova list` for the names. Exit status: 0 good; of --compare 1 when a row is "
      "significantly faster or slower or what is counted differs; 2 bad use or input.");
  command->callback([a, &exit_status] {
    a->progress = isatty(STDERR_FILENO) != 0;
    exit_status = run_iova_bench(*a, std::cout, std::cerr);
  });
}

}  // namespace iommulab
