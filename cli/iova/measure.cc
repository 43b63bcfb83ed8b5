// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/measure.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "iova/workload/table_pages.h"

namespace iommulab {
namespace {

/// An allocator that has the preparation of a workload behind it.
template <class Observer>
class prepared_run {
 public:
  prepared_run(const iova_catalogue_entry& entry, const iova_workload& workload, lab_host_kind host)
      : allocator_(entry.make({workload.space, workload.cpus, host})) {
    if (allocator_ == nullptr) return;
    runner_.emplace(*allocator_, workload, observer_);
    if (!runner_->reserve(workload.reserved)) {
      allocator_ = nullptr;
      return;
    }
    runner_->run(workload.setup);
  }

  [[nodiscard]] bool ready() const { return allocator_ != nullptr; }
  void run(absl::Span<const iova_operation> operations) { runner_->run(operations); }
  [[nodiscard]] const iova_run_counts& counts() const { return runner_->counts(); }
  [[nodiscard]] iova_counters counters() const { return allocator_->counters(); }
  [[nodiscard]] const Observer& observer() const { return observer_; }

 private:
  std::unique_ptr<iova_allocator> allocator_;
  Observer observer_;
  std::optional<iova_runner<iova_allocator, Observer>> runner_;
};

absl::Status no_memory(const iova_catalogue_entry& allocator, const iova_workload& workload) {
  return errno_status(ENOMEM,
                      absl::StrFormat("no memory for %s and %s", allocator.name, workload.name));
}

double per(uint64_t amount, uint64_t operations) {
  return operations == 0 ? 0 : static_cast<double>(amount) / static_cast<double>(operations);
}

template <class Run>
double nanoseconds(Run& run, absl::Span<const iova_operation> operations) {
  const auto begin = std::chrono::steady_clock::now();
  run.run(operations);
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

absl::StatusOr<iova_cost> measure_cost(const iova_catalogue_entry& allocator,
                                       const iova_workload& workload, unsigned repeat) {
  prepared_run<table_page_count> counted(allocator, workload, lab_host_kind::counting);
  if (!counted.ready()) return no_memory(allocator, workload);
  const iova_counters before = counted.counters();
  const iova_run_counts prepared = counted.counts();
  counted.run(workload.operations);
  const iova_counters after = counted.counters();
  const iova_run_counts& ran = counted.counts();

  iova_cost cost;
  cost.operations = ran.operations - prepared.operations;
  cost.failures = ran.failures - prepared.failures;
  cost.fallbacks = ran.fallbacks - prepared.fallbacks;
  cost.live = ran.live;
  cost.live_peak = ran.live_peak;
  cost.nodes = per(after.nodes_visited - before.nodes_visited, cost.operations);
  cost.longest_search = after.longest_search;
  cost.locks = per(after.lock_acquisitions - before.lock_acquisitions, cost.operations);
  const uint64_t hits = after.cache_hits - before.cache_hits;
  const uint64_t misses = after.cache_misses - before.cache_misses;
  if (hits + misses != 0) cost.hits = per(hits, hits + misses);
  cost.table_pages = counted.observer().now();
  cost.table_pages_peak = counted.observer().peak();
  if (ran.live != 0) cost.bytes = per(after.node_bytes, ran.live);

  for (unsigned i = 0; i < repeat && cost.operations != 0; ++i) {
    prepared_run<no_observer> timed(allocator, workload, lab_host_kind::bare);
    if (!timed.ready()) return no_memory(allocator, workload);
    cost.samples.push_back(nanoseconds(timed, workload.operations) /
                           static_cast<double>(cost.operations));
  }
  cost.ns = quartiles_of(cost.samples);
  return cost;
}

absl::StatusOr<std::vector<iova_cost_at>> measure_course(const iova_catalogue_entry& allocator,
                                                         const iova_workload& workload,
                                                         unsigned repeat, bool time, size_t parts) {
  const absl::Span<const iova_operation> all = workload.operations;
  parts = std::min(parts, all.size());
  std::vector<std::vector<double>> costs(parts);
  for (unsigned i = 0; i < (time ? repeat : 1); ++i) {
    prepared_run<no_observer> run(allocator, workload,
                                  time ? lab_host_kind::bare : lab_host_kind::counting);
    if (!run.ready()) return no_memory(allocator, workload);
    for (size_t part = 0; part < parts; ++part) {
      const size_t begin = all.size() * part / parts;
      const size_t end = all.size() * (part + 1) / parts;
      const uint64_t nodes = run.counters().nodes_visited;
      const double ns = nanoseconds(run, all.subspan(begin, end - begin));
      const double spent = time ? ns : static_cast<double>(run.counters().nodes_visited - nodes);
      costs[part].push_back(spent / static_cast<double>(end - begin));
    }
  }
  std::vector<iova_cost_at> course;
  for (size_t part = 0; part < parts; ++part) {
    course.push_back({all.size() * (part + 1) / parts, quartiles_of(std::move(costs[part]))});
  }
  return course;
}

}  // namespace iommulab
