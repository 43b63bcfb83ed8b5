// SPDX-License-Identifier: GPL-2.0-only
#include "bench/iova/pattern.h"

#include "absl/strings/str_cat.h"
#include "bench/iova/cases.h"
#include "bench/kernel/catalogue.h"
#include "iova/allocators.h"

namespace iommulab {
namespace {

/// Writes down what an allocator answers.
class recorder {
 public:
  recorder(std::unique_ptr<iova_allocator> allocator, std::vector<uint64_t>& answers)
      : allocator_(std::move(allocator)), answers_(answers) {}
  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) {
    const iova_grant grant = allocator_->alloc(size, limit_pfn, size_aligned);
    answers_.push_back(grant.pfn_lo);
    return grant;
  }
  void free(iova_grant grant, uint64_t size) { allocator_->free(grant, size); }
  uint64_t alloc_fast(unsigned cpu, uint64_t size, uint64_t limit_pfn, bool flush) {
    answers_.push_back(allocator_->alloc_fast(cpu, size, limit_pfn, flush));
    return answers_.back();
  }
  void free_fast(unsigned cpu, uint64_t pfn_lo, uint64_t size) {
    allocator_->free_fast(cpu, pfn_lo, size);
  }
  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) { return allocator_->reserve(pfn_lo, pfn_hi); }
  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const {
    const auto range = allocator_->find(frame);
    answers_.push_back(range ? range->lo : no_iova);
    return range;
  }
  template <class F>
  void for_each(F f) const {
    for (const iova_range& range : allocator_->ranges()) f(range);
  }
  [[nodiscard]] iova_counters counters() const { return allocator_->counters(); }

 private:
  std::unique_ptr<iova_allocator> allocator_;
  std::vector<uint64_t>& answers_;
};

const iova_catalogue_entry* find_entry(const std::string& name) {
  const iova_catalogue_entry* entry = find_kernel_code(name);
  return entry != nullptr ? entry : find_iova_allocator(name);
}

}  // namespace

std::vector<bench_case> bench_cases() {
  std::vector<bench_case> cases;
  add_linux_cases(cases);
  add_rival_cases(cases);
  add_kernel_cases(cases);
  return cases;
}

absl::StatusOr<std::vector<uint64_t>> answers(const std::string& allocator,
                                              const std::string& pattern, uint64_t operations) {
  const iova_catalogue_entry* entry = find_entry(allocator);
  if (entry == nullptr) return absl::NotFoundError(absl::StrCat("no allocator ", allocator));
  absl::Status status = absl::NotFoundError(absl::StrCat("no pattern ", pattern));
  std::vector<uint64_t> all;
  patterns::for_each_pattern([&](const patterns::pattern_kind& kind, const auto& steps) {
    if (kind.name != pattern) return;
    const lab_host_kind host = kind.locks ? lab_host_kind::threaded : lab_host_kind::bare;
    auto made = entry->make({.space = kind.space, .cpus = kind.threads, .host = host});
    auto on = put_on(std::make_unique<recorder>(std::move(made), all), steps);
    status = on.status();
    if (!on.ok()) return;
    for (unsigned thread = 0; thread < kind.threads; ++thread) (*on)->run(operations, thread);
  });
  for (const auto& workload : named_workloads()) {
    if ("workload/" + workload->name != pattern) continue;
    recorder on(entry->make({.space = workload->space, .cpus = workload->cpus}), all);
    run_workload(on, *workload);
    status = absl::OkStatus();
  }
  if (!status.ok()) return status;
  return all;
}

}  // namespace iommulab
