// SPDX-License-Identifier: GPL-2.0-or-later
#include "bench/iova/pattern.h"

#include "absl/strings/str_cat.h"
#include "bench/iova/pattern_list.h"
#include "bench/iova/pattern_on.h"
#include "bench/kernel/catalogue.h"
#include "bench/kernel/kernel_engine.h"
#include "iova/allocators.h"

namespace iommulab {
namespace {

using patterns::for_each_pattern;
using patterns::pattern_kind;

lab_host_kind timed_host(const pattern_kind& kind) {
  return kind.locks ? lab_host_kind::threaded : lab_host_kind::bare;
}

bool applies(const pattern_kind& kind, const iova_catalogue_entry& entry) {
  return (!kind.locks || entry.thread_safe) && (!kind.range_caches || entry.range_caches);
}

/// An allocator of the catalogue under every pattern, through virtual functions.
void add_cases(const iova_catalogue_entry& entry, std::vector<bench_case>& cases) {
  for_each_pattern([&](const pattern_kind& kind, const auto& steps) {
    if (!applies(kind, entry)) return;
    const auto on_host = [&](lab_host_kind host) {
      return [&entry, steps, host, kind] {
        return put_on(entry.make({kind.space, kind.threads, host}), steps);
      };
    };
    cases.push_back({std::string(entry.name), std::string(kind.name), kind.threads, kind.batch,
                     on_host(timed_host(kind)), on_host(lab_host_kind::counting)});
  });
}

#ifdef IOMMULAB_KERNEL_CODE
/// The kernel's own code under every pattern, its functions called directly.
template <template <class> class Engine>
void add_kernel_cases(const iova_catalogue_entry& entry, std::vector<bench_case>& cases) {
  for_each_pattern([&](const pattern_kind& kind, const auto& steps) {
    const auto on_host = [&]<class Host>(Host*) {
      return [steps, kind] {
        return put_on(std::make_unique<placed_engine<Engine, Host>>(kind.space, kind.threads),
                      steps);
      };
    };
    bench_case c{std::string(entry.name), std::string(kind.name), kind.threads, kind.batch, {}, {}};
    c.make_counting = on_host(static_cast<bare_host*>(nullptr));
    if (kind.locks) {
      c.make = on_host(static_cast<threaded_host*>(nullptr));
    } else {
      c.make = c.make_counting;
    }
    cases.push_back(std::move(c));
  });
}
#endif

const iova_catalogue_entry* find_entry(std::string_view name) {
  for (const iova_catalogue_entry& entry : kernel_code_allocators()) {
    if (entry.name == name) return &entry;
  }
  return find_iova_allocator(name);
}

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

}  // namespace

std::vector<bench_case> bench_cases() {
  std::vector<bench_case> cases;
  for (const iova_catalogue_entry& entry : iova_allocators()) add_cases(entry, cases);
#ifdef IOMMULAB_KERNEL_6_1
  add_kernel_cases<kernel_6_1>(*find_entry("kernel_6.1"), cases);
#endif
#ifdef IOMMULAB_KERNEL_6_12
  add_kernel_cases<kernel_6_12>(*find_entry("kernel_6.12"), cases);
#endif
  return cases;
}

absl::StatusOr<std::vector<uint64_t>> answers(const std::string& allocator,
                                              const std::string& pattern, uint64_t operations) {
  const iova_catalogue_entry* entry = find_entry(allocator);
  if (entry == nullptr) return absl::NotFoundError(absl::StrCat("no allocator ", allocator));
  absl::Status status = absl::NotFoundError(absl::StrCat("no pattern ", pattern));
  std::vector<uint64_t> all;
  for_each_pattern([&](const pattern_kind& kind, const auto& steps) {
    if (kind.name != pattern) return;
    auto on = put_on(
        std::make_unique<recorder>(entry->make({kind.space, kind.threads, timed_host(kind)}), all),
        steps);
    status = on.status();
    if (!on.ok()) return;
    for (unsigned thread = 0; thread < kind.threads; ++thread) (*on)->run(operations, thread);
  });
  if (!status.ok()) return status;
  return all;
}

}  // namespace iommulab
