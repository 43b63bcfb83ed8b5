// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/plot_command.h"

#include <unistd.h>

#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/iova/chart.h"
#include "cli/iova/choice.h"
#include "cli/iova/measure.h"
#include "cli/output/complain.h"
#include "cli/output/progress_line.h"
#include "cli/output/write_file.h"

namespace iommulab {
namespace {

constexpr size_t parts_of_a_course = 64;

/// What a plot shows when no allocator is named: generations that differ here, and their rivals.
const std::vector<std::string> usual_allocators = {"v4_4",     "v6_12",      "eiovar",
                                                   "gap_tree", "gap_tree32", "maple"};

absl::Status check(const iova_plot_arguments& a) {
  if (a.y != "nodes" && a.y != "ns") {
    return refuse(absl::StrFormat("--y is \"%s\": must be nodes or ns", a.y));
  }
  if (a.repeat < 1 || a.repeat > 1000) {
    return refuse(absl::StrFormat("--repeat is \"%d\": must be 1 to 1000", a.repeat));
  }
  if (a.time) return absl::OkStatus();
  if (a.workload.find('N') == std::string::npos) {
    return refuse(absl::StrFormat(
        "--workload is \"%s\": without an N there is nothing to grow; see --time", a.workload));
  }
  if (a.least < 1 || a.least > a.most) {
    return refuse(absl::StrFormat("--min is \"%d\": must be 1 to --max, %d", a.least, a.most));
  }
  return absl::OkStatus();
}

/// The same workload at N, 2 N, 4 N …
absl::StatusOr<std::vector<std::pair<uint64_t, iova_workload>>> grown(
    const iova_plot_arguments& a) {
  std::vector<std::pair<uint64_t, iova_workload>> all;
  for (uint64_t n = a.least; n <= a.most; n *= 2) {
    std::string name = a.workload;
    name.replace(name.find('N'), 1, std::to_string(n));
    auto workload = make_iova_workload(name);
    if (!workload.ok()) return workload.status();
    all.emplace_back(n, *std::move(workload));
    if (n > a.most / 2) break;
  }
  return all;
}

absl::StatusOr<std::vector<chart_line>> lines_of_growth(
    const iova_plot_arguments& a, const std::vector<const iova_catalogue_entry*>& allocators,
    std::ostream& err) {
  const auto workloads = grown(a);
  if (!workloads.ok()) return workloads.status();
  progress_line progress(a.progress ? &err : nullptr, allocators.size() * workloads->size());
  std::vector<chart_line> lines;
  for (const iova_catalogue_entry* allocator : allocators) {
    chart_line& line = lines.emplace_back();
    line.name = std::string(allocator->name);
    for (const auto& [n, workload] : *workloads) {
      progress.next(absl::StrFormat("%s on %s", workload.name, allocator->name));
      const auto cost = measure_cost(*allocator, workload, a.y == "ns" ? a.repeat : 0);
      if (!cost.ok()) return cost.status();
      line.points.emplace_back(static_cast<double>(n), a.y == "ns" ? cost->ns.median : cost->nodes);
    }
  }
  return lines;
}

absl::StatusOr<std::vector<chart_line>> lines_of_course(
    const iova_plot_arguments& a, const std::vector<const iova_catalogue_entry*>& allocators,
    std::ostream& err) {
  const auto workload = make_iova_workload(a.workload);
  if (!workload.ok()) return workload.status();
  progress_line progress(a.progress ? &err : nullptr, allocators.size());
  std::vector<chart_line> lines;
  for (const iova_catalogue_entry* allocator : allocators) {
    progress.next(absl::StrFormat("%s on %s", workload->name, allocator->name));
    const auto course =
        measure_course(*allocator, *workload, a.repeat, a.y == "ns", parts_of_a_course);
    if (!course.ok()) return course.status();
    chart_line& line = lines.emplace_back();
    line.name = std::string(allocator->name);
    for (const iova_cost_at& at : *course) {
      line.points.emplace_back(static_cast<double>(at.done), at.cost.median);
    }
  }
  return lines;
}

/// The command line that makes the same plot.
std::string command_of(const iova_plot_arguments& a) {
  std::string text = absl::StrFormat("iommulab iova plot --workload %s --y %s", a.workload, a.y);
  text += a.time ? " --time" : absl::StrFormat(" --min %d --max %d", a.least, a.most);
  for (const std::string& name : a.allocators) text += " --allocator " + name;
  return text;
}

absl::StatusOr<std::string> plot(const iova_plot_arguments& a, std::ostream& err) {
  if (absl::Status status = check(a); !status.ok()) return status;
  const auto allocators =
      choose_iova_allocators(a.allocators.empty() ? usual_allocators : a.allocators);
  if (!allocators.ok()) return allocators.status();
  auto lines = a.time ? lines_of_course(a, *allocators, err) : lines_of_growth(a, *allocators, err);
  if (!lines.ok()) return lines.status();
  chart chart;
  chart.title = absl::StrFormat("%s: cost of an allocation or free", a.workload);
  chart.description = command_of(a);
  chart.x = a.time ? chart_axis{"operations done", false} : chart_axis{"N", true};
  chart.y = {a.y == "ns" ? "ns an operation" : "nodes visited an operation (none: lower edge)",
             true};
  chart.lines = *std::move(lines);
  return chart_svg(chart);
}

}  // namespace

int run_iova_plot(const iova_plot_arguments& arguments, std::ostream& out, std::ostream& err) {
  const absl::StatusOr<std::string> svg = plot(arguments, err);
  if (!svg.ok()) return complain(err, svg.status());
  if (arguments.output.empty()) {
    out << *svg;
    return static_cast<int>(exit_code::good);
  }
  const absl::Status written = write_file(arguments.output, *svg);
  return written.ok() ? static_cast<int>(exit_code::good) : complain(err, written);
}

void add_iova_plot_command(CLI::App& iova, int& exit_status) {
  const auto a = std::make_shared<iova_plot_arguments>();
  CLI::App* const command =
      iova.add_subcommand("plot", "Draw cost against live mappings, or against time, as SVG");
  command
      ->add_option("--allocator", a->allocators,
                   "May be given several times; default: " + absl::StrJoin(usual_allocators, ", "))
      ->type_name("NAME")
      ->expected(1)
      ->take_all();
  command
      ->add_option("--workload", a->workload,
                   "With N for the number that grows; default linear-N. With --time, without N")
      ->type_name("NAME");
  command->add_option("--y", a->y, "nodes (visited, the default; repeats exactly) or ns")
      ->type_name("nodes|ns");
  command->add_flag("--time", a->time, "Against operations done, over the course of one workload");
  command->add_option("--min", a->least, "N begins here and doubles; default 64")->type_name("N");
  command->add_option("--max", a->most, "N ends here; default 8192")->type_name("N");
  command->add_option("--repeat", a->repeat, "Timed runs, of which the median counts; default 3")
      ->type_name("N");
  command->add_option("-o,--output", a->output, "The picture; default: standard output")
      ->type_name("FILE");
  command->footer("See `iommulab iova list` for the names. Exit status: 0 good; 2 bad use.");
  command->callback([a, &exit_status] {
    a->progress = isatty(STDERR_FILENO) != 0;
    exit_status = run_iova_plot(*a, std::cout, std::cerr);
  });
}

}  // namespace iommulab
