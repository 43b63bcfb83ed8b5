// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/bench_command.h"

#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/iova/choice.h"
#include "cli/iova/measure.h"
#include "cli/output/complain.h"
#include "cli/output/json.h"
#include "cli/output/progress_line.h"
#include "iova/workload/workload.h"

namespace iommulab {
namespace {

struct bench_row {
  std::string_view allocator;
  iova_cost cost;
};
struct bench_table {
  std::string workload;
  std::vector<bench_row> rows;
};

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

absl::StatusOr<std::vector<bench_table>> measure(const iova_bench_arguments& a, std::ostream& err) {
  const auto allocators = choose_iova_allocators(a.allocators);
  if (!allocators.ok()) return allocators.status();
  const auto workloads = choose_workloads(a.workloads);
  if (!workloads.ok()) return workloads.status();
  progress_line progress(a.progress ? &err : nullptr, allocators->size() * workloads->size());
  std::vector<bench_table> tables;
  for (const iova_workload& workload : *workloads) {
    bench_table table = {workload.name, {}};
    for (const iova_catalogue_entry* allocator : *allocators) {
      progress.next(absl::StrFormat("%s on %s", workload.name, allocator->name));
      const auto cost = measure_cost(*allocator, workload, a.repeat);
      if (!cost.ok()) return cost.status();
      table.rows.push_back({allocator->name, *cost});
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

std::string or_dash(double value, const absl::FormatSpec<double>& format) {
  return value < 0 ? "-" : absl::StrFormat(format, value);
}

std::string tables_text(const std::vector<bench_table>& tables, unsigned repeat) {
  std::string text;
  for (const bench_table& table : tables) {
    absl::StrAppendFormat(&text, "%s%s: an operation is an allocation or a free; median of %d\n",
                          text.empty() ? "" : "\n", table.workload, repeat);
    absl::StrAppendFormat(&text, "  %-12s %10s %10s %9s %8s %6s %13s %8s %8s %8s\n", "allocator",
                          "ns/op", "nodes/op", "longest", "locks/op", "hits", "table pages",
                          "B/entry", "failed", "fellback");
    for (const auto& [allocator, c] : table.rows) {
      absl::StrAppendFormat(&text, "  %-12s %10.1f %10.2f %9d %8.2f %6s %13s %8s %8d %8d\n",
                            allocator, c.ns.median, c.nodes, c.longest_search, c.locks,
                            or_dash(c.hits < 0 ? c.hits : c.hits * 100, "%.0f%%"),
                            absl::StrFormat("%d/%d", c.table_pages, c.table_pages_peak),
                            or_dash(c.bytes, "%.0f"), c.failures, c.fallbacks);
    }
  }
  text +=
      "\nlongest: nodes that one search visited, preparation included. table pages: that the live\n"
      "ranges need in a table of 4 levels, at the end/at most. B/entry: memory an allocation.\n";
  return text;
}

json or_null(double value) {
  return value < 0 ? json(nullptr) : json(value);
}

std::string tables_json(const std::vector<bench_table>& tables, unsigned repeat) {
  json all = {{"repeat", repeat}, {"results", json::array()}};
  for (const bench_table& table : tables) {
    for (const auto& [allocator, c] : table.rows) {
      all["results"].push_back({{"workload", table.workload},
                                {"allocator", std::string(allocator)},
                                {"operations", c.operations},
                                {"ns_per_operation", c.ns.median},
                                {"nodes_per_operation", c.nodes},
                                {"longest_search", c.longest_search},
                                {"locks_per_operation", c.locks},
                                {"cache_hit_share", or_null(c.hits)},
                                {"table_pages", c.table_pages},
                                {"table_pages_peak", c.table_pages_peak},
                                {"bytes_per_entry", or_null(c.bytes)},
                                {"live", c.live},
                                {"failures", c.failures},
                                {"fallbacks", c.fallbacks}});
    }
  }
  return json_text(all);
}

}  // namespace

int run_iova_bench(const iova_bench_arguments& arguments, std::ostream& out, std::ostream& err) {
  if (arguments.repeat < 1 || arguments.repeat > 1000) {
    return complain(err,
                    absl::StrFormat("--repeat is \"%d\": must be 1 to 1000", arguments.repeat));
  }
  const auto tables = measure(arguments, err);
  if (!tables.ok()) return complain(err, tables.status());
  out << (arguments.json ? tables_json(*tables, arguments.repeat)
                         : tables_text(*tables, arguments.repeat));
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
  command->add_option("--repeat", a->repeat, "Timed runs, of which the median counts; default 5")
      ->type_name("N");
  command->add_flag("--json", a->json, "Print one JSON document");
  command->footer("See `iommulab iova list` for the names. Exit status: 0 good; 2 bad use.");
  command->callback([a, &exit_status] {
    a->progress = isatty(STDERR_FILENO) != 0;
    exit_status = run_iova_bench(*a, std::cout, std::cerr);
  });
}

}  // namespace iommulab
