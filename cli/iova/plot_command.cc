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
#include "cli/iova/plot_data.h"
#include "cli/output/complain.h"
#include "cli/output/number_option.h"
#include "cli/output/progress_line.h"
#include "cli/output/write_file.h"

namespace iommulab {
namespace {

constexpr size_t parts_of_a_course = 64;

/// What a plot shows when no allocator is named: generations that differ here, and their rivals.
const std::vector<std::string> usual_allocators = {"v4_4",     "v6_12",      "eiovar",
                                                   "gap_tree", "gap_tree32", "maple"};

std::string workload_of(const iova_plot_arguments& a) {
  return a.workload.value_or(a.time ? "ageing" : "linear-N");
}

/// The workload with a number where its name has N.
std::string with_number(std::string name, uint64_t n) {
  const size_t at = name.find('N');
  return at == std::string::npos ? name : name.replace(at, 1, std::to_string(n));
}

/// What the family of a workload is for.
std::string summary_of(const std::string& workload) {
  for (const iova_workload_entry& entry : iova_workloads()) {
    if (entry.pattern == workload || entry.example == workload) return std::string(entry.summary);
  }
  return "";
}

/// What is said of a workload that does not go with the kind of plot: of a name that there is not,
/// that comes first.
absl::Status check_workload(const iova_plot_arguments& a) {
  const std::string workload = workload_of(a);
  const bool grows = workload.find('N') != std::string::npos;
  if (a.time && grows) {
    return refuse(absl::StrFormat(
        "--workload is \"%s\": with --time it wants a number in place of N, as in %s", workload,
        with_number(workload, 4096)));
  }
  const auto one = make_iova_workload(with_number(workload, a.least));
  if (!one.ok()) return one.status();
  if (a.time || grows) return absl::OkStatus();
  return refuse(absl::StrFormat(
      "--workload is \"%s\": without an N there is nothing to grow; see --time", workload));
}

absl::Status check_files(const iova_plot_arguments& a) {
  if (!a.data.empty() && !a.data.ends_with(".csv") && !a.data.ends_with(".json")) {
    return refuse(absl::StrFormat("--data is \"%s\": must end in .csv or .json", a.data));
  }
  for (const std::string& file : {a.output, a.data}) {
    if (file.empty()) continue;
    if (absl::Status status = check_writable(file); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status check(const iova_plot_arguments& a) {
  if (a.y != "nodes" && a.y != "ns") {
    return refuse(absl::StrFormat("--y is \"%s\": must be nodes or ns", a.y));
  }
  if (a.repeat < 1 || a.repeat > 1000) {
    return refuse(absl::StrFormat("--repeat is \"%d\": must be 1 to 1000", a.repeat));
  }
  if (!a.time && (a.least < 1 || a.least > a.most)) {
    return refuse(absl::StrFormat("--min is \"%d\": must be 1 to --max, %d", a.least, a.most));
  }
  if (absl::Status status = check_workload(a); !status.ok()) return status;
  return check_files(a);
}

/// The same workload at N, 2 N, 4 N …
absl::StatusOr<std::vector<std::pair<uint64_t, iova_workload>>> grown(
    const iova_plot_arguments& a) {
  std::vector<std::pair<uint64_t, iova_workload>> all;
  for (uint64_t n = a.least; n <= a.most; n *= 2) {
    auto workload = make_iova_workload(with_number(workload_of(a), n));
    if (!workload.ok()) return workload.status();
    all.emplace_back(n, *std::move(workload));
    if (n > a.most / 2) break;
  }
  return all;
}

using chosen_allocators = std::vector<const iova_catalogue_entry*>;

absl::StatusOr<std::vector<plot_line>> lines_of_growth(const iova_plot_arguments& a,
                                                       const chosen_allocators& allocators,
                                                       std::ostream& err) {
  const auto workloads = grown(a);
  if (!workloads.ok()) return workloads.status();
  progress_line progress(a.progress ? &err : nullptr, allocators.size() * workloads->size());
  const bool timed = a.y == "ns";
  std::vector<plot_line> lines;
  for (const iova_catalogue_entry* allocator : allocators) {
    plot_line& line = lines.emplace_back(plot_line{std::string(allocator->name), {}});
    for (const auto& [n, workload] : *workloads) {
      progress.next(absl::StrFormat("%s on %s", workload.name, allocator->name));
      const auto cost =
          measure_cost(*allocator, workload, timed ? static_cast<unsigned>(a.repeat) : 0);
      if (!cost.ok()) return cost.status();
      line.points.push_back(
          {n, workload.name, timed ? cost->ns : quartiles{cost->nodes, cost->nodes, cost->nodes}});
    }
  }
  return lines;
}

absl::StatusOr<std::vector<plot_line>> lines_of_course(const iova_plot_arguments& a,
                                                       const chosen_allocators& allocators,
                                                       std::ostream& err) {
  const auto workload = make_iova_workload(workload_of(a));
  if (!workload.ok()) return workload.status();
  progress_line progress(a.progress ? &err : nullptr, allocators.size());
  std::vector<plot_line> lines;
  for (const iova_catalogue_entry* allocator : allocators) {
    progress.next(absl::StrFormat("%s on %s", workload->name, allocator->name));
    const auto course = measure_course(*allocator, *workload, static_cast<unsigned>(a.repeat),
                                       a.y == "ns", parts_of_a_course);
    if (!course.ok()) return course.status();
    plot_line& line = lines.emplace_back(plot_line{std::string(allocator->name), {}});
    for (const iova_cost_at& at : *course) {
      line.points.push_back({at.done, workload->name, at.cost});
    }
  }
  return lines;
}

/// The command line that makes the same plot.
std::string command_of(const iova_plot_arguments& a) {
  std::string text =
      absl::StrFormat("iommulab iova plot --workload %s --y %s", workload_of(a), a.y);
  text += a.time ? " --time" : absl::StrFormat(" --min %d --max %d", a.least, a.most);
  for (const std::string& name : a.allocators) text += " --allocator " + name;
  return text;
}

absl::StatusOr<plot_data> measure(const iova_plot_arguments& a, std::ostream& err) {
  if (absl::Status status = check(a); !status.ok()) return status;
  const auto allocators =
      choose_iova_allocators(a.allocators.empty() ? usual_allocators : a.allocators);
  if (!allocators.ok()) return allocators.status();
  auto lines = a.time ? lines_of_course(a, *allocators, err) : lines_of_growth(a, *allocators, err);
  if (!lines.ok()) return lines.status();
  return plot_data{.workload = workload_of(a),
                   .summary = summary_of(workload_of(a)),
                   .command = command_of(a),
                   .of_course = a.time,
                   .of_time = a.y == "ns",
                   .repeat = a.repeat,
                   .lines = *std::move(lines)};
}

}  // namespace

int run_iova_plot(const iova_plot_arguments& arguments, std::ostream& out, std::ostream& err) {
  const absl::StatusOr<plot_data> data = measure(arguments, err);
  if (!data.ok()) return complain(err, data.status());
  if (data->of_time) warn_of_build(err, arguments.build);
  const std::string svg = chart_svg(plot_chart(*data));
  if (!arguments.data.empty()) {
    const bool csv = arguments.data.ends_with(".csv");
    const absl::Status written =
        write_file(arguments.data, csv ? plot_csv(*data) : plot_json(*data));
    if (!written.ok()) return complain(err, written);
  }
  if (arguments.output.empty()) {
    out << svg;
    return static_cast<int>(exit_code::good);
  }
  const absl::Status written = write_file(arguments.output, svg);
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
                   "With N for the number that grows; default linear-N. With --time, without N; "
                   "default ageing")
      ->type_name("NAME");
  command->add_option("--y", a->y, "nodes (visited, the default; repeats exactly) or ns")
      ->type_name("nodes|ns");
  command->add_flag("--time", a->time, "Against operations done, over the course of one workload");
  add_whole_number(*command, "--min", a->least, "N begins here and doubles; default 64");
  add_whole_number(*command, "--max", a->most, "N ends here; default 8192");
  add_whole_number(*command, "--repeat", a->repeat,
                   "Timed runs, of which the median counts and the quartiles are shown; default 5");
  command->add_option("-o,--output", a->output, "The picture; default: standard output")
      ->type_name("FILE");
  command->add_option("--data", a->data, "Write the numbers as well, as .csv or .json by its name")
      ->type_name("FILE");
  command->footer("See `iommulab iova list` for the names. Exit status: 0 good; 2 bad use.");
  command->callback([a, &exit_status] {
    a->progress = isatty(STDERR_FILENO) != 0;
    exit_status = run_iova_plot(*a, std::cout, std::cerr);
  });
}

}  // namespace iommulab
