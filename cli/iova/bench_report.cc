// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/bench_report.h"

#include "absl/strings/str_format.h"
#include "cli/output/json.h"
#include "iova/trace/versions.h"

namespace iommulab {
namespace {

std::string percent(double share) {
  return share < 0 ? "-" : absl::StrFormat("%.0f%%", share * 100);
}

json or_null(double value) {
  return value < 0 ? json(nullptr) : json(value);
}

json build_json(const build_facts& build) {
  return {{"type", build.type},
          {"flags", build.flags},
          {"compiler", build.compiler},
          {"assertions", build.assertions},
          {"sanitizer", build.sanitizer}};
}

json machine_json(const machine_facts& machine) {
  return {{"cpu", machine.cpu.empty() ? json(nullptr) : json(machine.cpu)},
          {"cpus", machine.cpus},
          {"load", machine.loads}};
}

json row_json(std::string_view workload, const bench_row& row) {
  const iova_cost& c = row.cost;
  const iova_trace_version* kernel = find_iova_trace_version(row.allocator);
  return {{"workload", std::string(workload)},
          {"allocator", std::string(row.allocator)},
          {"profile", kernel == nullptr ? json(nullptr) : json(std::string(kernel->name))},
          {"operations", c.operations},
          {"ns_per_operation", c.ns.median},
          {"ns_lower_quartile", c.ns.lower},
          {"ns_upper_quartile", c.ns.upper},
          {"samples_ns", c.samples},
          {"nodes_per_operation", c.nodes},
          {"longest_search", c.longest_search},
          {"locks_per_operation", c.locks},
          {"cache_hit_share", or_null(c.hits)},
          {"table_pages", c.table_pages},
          {"table_pages_peak", c.table_pages_peak},
          {"bytes_per_entry", or_null(c.bytes)},
          {"live", c.live},
          {"live_peak", c.live_peak},
          {"failures", c.failures},
          {"fallbacks", c.fallbacks}};
}

}  // namespace

std::string bench_to_text(const bench_report& report) {
  std::string text;
  for (const bench_table& table : report.tables) {
    absl::StrAppendFormat(&text, "%s%s: an operation is an allocation or a free; median of %d\n",
                          text.empty() ? "" : "\n", table.workload, report.repeat);
    absl::StrAppendFormat(&text, "  %-12s %10s %19s %10s %9s %8s %6s %13s %8s %8s %8s\n",
                          "allocator", "ns/op", "quartiles", "nodes/op", "longest", "locks/op",
                          "hits", "table pages", "B/entry", "failed", "fellback");
    for (const auto& [allocator, c] : table.rows) {
      absl::StrAppendFormat(
          &text, "  %-12s %10.1f %19s %10.2f %9d %8.2f %6s %13s %8s %8d %8d\n", allocator,
          c.ns.median, absl::StrFormat("%.1f..%.1f", c.ns.lower, c.ns.upper), c.nodes,
          c.longest_search, c.locks, percent(c.hits),
          absl::StrFormat("%d/%d", c.table_pages, c.table_pages_peak),
          c.bytes < 0 ? "-" : absl::StrFormat("%.0f", c.bytes), c.failures, c.fallbacks);
    }
  }
  text +=
      "\nquartiles: half of the timed runs lie between them. longest: nodes that one search\n"
      "visited, preparation included. table pages: that the live ranges need in a table of 4\n"
      "levels, at the end/at most. B/entry: memory an allocation. Runs of different days or\n"
      "machines: write both with --json, and see --compare.\n";
  return text;
}

std::string bench_to_json(const bench_report& report) {
  json results = json::array();
  for (const bench_table& table : report.tables) {
    for (const bench_row& row : table.rows) results.push_back(row_json(table.workload, row));
  }
  return json_text(json_document("iova_bench", {{"repeat", report.repeat},
                                                {"build", build_json(report.build)},
                                                {"machine", machine_json(report.machine)},
                                                {"results", std::move(results)}}));
}

}  // namespace iommulab
