// SPDX-License-Identifier: GPL-2.0-only
//
// A named workload (iova/workload/workload.h) as a pattern. One batch is all of it, on a new
// allocator; an operation is one alloc or one free of it, those that bring the space into its state
// included.
#pragma once

#include <memory>
#include <utility>

#include "bench/iova/pattern.h"
#include "bench/iova/pattern_ground.h"
#include "iova/workload/runner.h"

namespace iommulab {

/// All that can be made from a name alone.
const std::vector<std::shared_ptr<const iova_workload>>& named_workloads();

inline uint64_t steps_of(const iova_workload& workload) {
  return workload.setup.size() + workload.operations.size();
}

template <class Subject>
class workload_on final : public pattern {
 public:
  explicit workload_on(std::shared_ptr<const iova_workload> workload)
      : workload_(std::move(workload)) {}

  void run(uint64_t operations, unsigned) override {
    for (; operations > 0; operations -= steps_of(*workload_)) {
      subject_.reset();  // the memory of one at a time
      subject_ = std::make_unique<Subject>(workload_->space, workload_->cpus);
      summing observer{checksum_};
      run_workload(*subject_, *workload_, observer);
      add(subject_->counters());
    }
  }
  [[nodiscard]] iova_counters counters() const override { return counters_; }
  [[nodiscard]] std::vector<iova_range> ranges() const override {
    std::vector<iova_range> all;
    if (subject_ == nullptr) return all;
    subject_->for_each([&all](const iova_range& range) { all.push_back(range); });
    return all;
  }

 private:
  struct summing {
    uint64_t& checksum;
    void granted(uint64_t pfn_lo, uint64_t) { checksum = patterns::mix(checksum, pfn_lo); }
    void freed(uint64_t, uint64_t) {}
  };

  void add(const iova_counters& more) {
    counters_.searches += more.searches;
    counters_.nodes_visited += more.nodes_visited;
    counters_.lock_acquisitions += more.lock_acquisitions;
    counters_.cache_hits += more.cache_hits;
    counters_.cache_misses += more.cache_misses;
    counters_.nodes = more.nodes;
    counters_.node_bytes = more.node_bytes;
  }

  std::shared_ptr<const iova_workload> workload_;
  std::unique_ptr<Subject> subject_;
  iova_counters counters_;
};

}  // namespace iommulab
