// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/ftrace_replay.h"

#include <iostream>
#include <iterator>
#include <utility>

#include "cli/iova/choice.h"
#include "iova/ftrace/event_reader.h"

namespace iommulab {
namespace {

absl::StatusOr<dma_event_log> read_events(const std::string& file) {
  if (file != "-") return read_dma_events(file);
  const std::string text((std::istreambuf_iterator<char>(std::cin)), {});
  return parse_dma_events("standard input", text);
}

/// Means are taken over the operations of both.
double joint_mean(double a, uint64_t of_a, double b, uint64_t of_b) {
  const auto all = static_cast<double>(of_a + of_b);
  return all == 0 ? 0 : (a * static_cast<double>(of_a) + b * static_cast<double>(of_b)) / all;
}

void add(iova_cost& sum, const iova_cost& one) {
  const auto mean = [&](double a, double b) {
    return joint_mean(a, sum.operations, b, one.operations);
  };
  if (sum.samples.empty()) sum.samples.resize(one.samples.size());
  for (size_t i = 0; i < one.samples.size() && i < sum.samples.size(); ++i) {
    sum.samples[i] = mean(sum.samples[i], one.samples[i]);
  }
  if (one.hits >= 0) sum.hits = sum.hits < 0 ? one.hits : mean(sum.hits, one.hits);
  sum.nodes = mean(sum.nodes, one.nodes);
  sum.locks = mean(sum.locks, one.locks);
  sum.longest_search = std::max(sum.longest_search, one.longest_search);
  sum.operations += one.operations;
  sum.failures += one.failures;
  sum.fallbacks += one.fallbacks;
  sum.live += one.live;
  sum.live_peak += one.live_peak;
  sum.table_pages += one.table_pages;
  sum.table_pages_peak += one.table_pages_peak;
}

absl::StatusOr<ftrace_row> run(const iova_catalogue_entry& allocator,
                               const std::vector<traced_space>& spaces, unsigned repeat) {
  ftrace_row row = {allocator.name, {}};
  for (const traced_space& space : spaces) {
    const auto cost = measure_cost(allocator, space.workload, repeat);
    if (!cost.ok()) return cost.status();
    add(row.cost, *cost);
  }
  row.cost.ns = quartiles_of(row.cost.samples);
  return row;
}

}  // namespace

absl::StatusOr<ftrace_report> replay_ftrace(const ftrace_question& question) {
  const auto allocators = choose_iova_allocators(question.allocators);
  if (!allocators.ok()) return allocators.status();
  auto log = read_events(question.file);
  if (!log.ok()) return log.status();
  ftrace_report report = {question, *std::move(log), {}, {}};
  report.mappings = workloads_of(report.log, {question.limit});
  for (const iova_catalogue_entry* allocator : *allocators) {
    auto row = run(*allocator, report.mappings.spaces, question.repeat);
    if (!row.ok()) return row.status();
    report.rows.push_back(*std::move(row));
  }
  return report;
}

}  // namespace iommulab
