// SPDX-License-Identifier: GPL-2.0-only
//
// Every allocator of the lab, and the kernels' own code where it was configured, under every
// pattern, with Google Benchmark. Beside the time it reports what does not depend on the machine.
#include <benchmark/benchmark.h>

#include <set>
#include <string>

#include "bench/iova/pattern.h"
#include "bench/support/kept_memory.h"

namespace iommulab {
namespace {

/// Page-table pages below the root that map `ranges`: those of three levels, 512 entries each.
size_t table_pages(const std::vector<iova_range>& ranges) {
  size_t pages = 0;
  for (const int bits : {9, 18, 27}) {
    std::set<uint64_t> tables;
    for (const iova_range& range : ranges) {
      for (uint64_t t = range.lo >> bits; t <= range.hi >> bits; ++t) tables.insert(t);
    }
    pages += tables.size();
  }
  return pages;
}

/// What the operations of a pattern do, whatever the machine.
void report_counters(const bench_case& c, benchmark::State& state) {
  auto counted = c.make_counting();
  if (!counted.ok()) return;
  pattern& p = **counted;
  const uint64_t operations = 4 * c.batch;
  const iova_counters before = p.counters();
  p.run(operations, 0);
  const iova_counters after = p.counters();
  const auto per_operation = [&](uint64_t iova_counters::*what) {
    return static_cast<double>(after.*what - before.*what) / static_cast<double>(operations);
  };
  if (after.searches + after.lock_acquisitions != 0) {
    state.counters["visited"] = per_operation(&iova_counters::nodes_visited);
    state.counters["locks"] = per_operation(&iova_counters::lock_acquisitions);
    state.counters["cache_hits"] = per_operation(&iova_counters::cache_hits);
  }
  const auto ranges = p.ranges();
  state.counters["table_pages"] = static_cast<double>(table_pages(ranges));
  if (!ranges.empty()) {
    state.counters["bytes/entry"] =
        static_cast<double>(after.node_bytes) / static_cast<double>(ranges.size());
  }
}

/// Shared by the threads of one run; thread 0 makes it before, and drops it after.
std::unique_ptr<pattern> under_test;

void run_case(benchmark::State& state, const bench_case& c) {
  if (state.thread_index() == 0) {
    auto made = c.make();
    if (made.ok()) {
      under_test = *std::move(made);
    } else {
      state.SkipWithError(std::string(made.status().message()).c_str());
    }
  }
  while (state.KeepRunningBatch(static_cast<int64_t>(c.batch))) {
    if (under_test != nullptr)
      under_test->run(c.batch, static_cast<unsigned>(state.thread_index()));
  }
  if (state.thread_index() == 0 && under_test != nullptr) {
    under_test.reset();
    report_counters(c, state);
  }
}

}  // namespace
}  // namespace iommulab

int main(int argc, char** argv) {
  iommulab::keep_freed_memory();
  const auto cases = iommulab::bench_cases();
  for (const iommulab::bench_case& c : cases) {
    benchmark::RegisterBenchmark(c.name().c_str(),
                                 [&c](benchmark::State& state) { iommulab::run_case(state, c); })
        ->Threads(static_cast<int>(c.threads))
        ->UseRealTime();
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
