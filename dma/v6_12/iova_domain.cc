// SPDX-License-Identifier: GPL-2.0-only
#include "dma/v6_12/iova_domain.h"

#include <atomic>
#include <bit>
#include <cerrno>

namespace iommulab::v6_12 {
namespace {

/// IOVA_RANGE_CACHE_MAX_SIZE: sizes of so many powers of two are cached.
constexpr unsigned range_cache_orders = 6;

// Linux v6.12 drivers/iommu/iova.c: alloc_iova()
uint64_t alloc_iova(iova_domain& iovad, uint64_t size, uint64_t limit_pfn) {
  IOMMULAB_CALL(*iovad.trace, "alloc_iova", {"size", size}, {"limit_pfn", limit_pfn});
  const uint64_t pfn = iovad.ranges->alloc(size, limit_pfn, /*size_aligned=*/true).pfn_lo;
  return this_call.result(pfn == no_iova ? 0 : pfn);
}

void tell_range(const iova_domain& iovad, events::range_action action, uint64_t pfn,
                uint64_t last) {
  iovad.trace->tell([&] { return events::iova_range{action, pfn, last}; });
}

}  // namespace

unsigned this_cpu(unsigned cpus) {
  static std::atomic<unsigned> threads = 0;
  thread_local const unsigned number = threads.fetch_add(1, std::memory_order_relaxed);
  return cpus == 1 ? 0 : number % cpus;
}

// Linux v6.12 drivers/iommu/iova.c: init_iova_domain()
void init_iova_domain(iova_domain& iovad, tracer& trace, uint64_t granule, uint64_t start_pfn) {
  IOMMULAB_CALL(trace, "init_iova_domain", {"granule", granule}, {"start_pfn", start_pfn});
  iovad.trace = &trace;
  iovad.granule = granule;
  iovad.shift = static_cast<unsigned>(std::countr_zero(granule));
  iovad.start_pfn = start_pfn;
}

// Linux v6.12 drivers/iommu/iova.c: iova_domain_init_rcaches()
int iova_domain_init_rcaches(iova_domain& iovad, unsigned cpus, slab_failures& slab,
                             std::string_view generation) {
  IOMMULAB_CALL(*iovad.trace, "iova_domain_init_rcaches", {"cpus", cpus});
  iovad.cpus = cpus;
  iovad.ranges = make_linux_iova_domain(
      generation, {.space = {.granule = iovad.granule,
                             .start_pfn = iovad.start_pfn,
                             .last_32bit_pfn = (uint64_t{1} << (32 - iovad.shift)) - 1},
                   .cpus = cpus,
                   .host = lab_host_kind::threaded,
                   .failures = &slab});
  return this_call.result(iovad.ranges == nullptr ? -ENOMEM : 0);
}

namespace {

// Linux v6.12 drivers/iommu/iova.c: free_iova_rcaches()
void free_iova_rcaches(const iova_domain& iovad) {
  IOMMULAB_CALL(*iovad.trace, "free_iova_rcaches");
}

}  // namespace

// Linux v6.12 drivers/iommu/iova.c: put_iova_domain()
void put_iova_domain(iova_domain& iovad) {
  IOMMULAB_CALL(*iovad.trace, "put_iova_domain");
  if (iovad.ranges != nullptr) free_iova_rcaches(iovad);
  iovad.ranges.reset();
}

// Linux v6.12 drivers/iommu/iova.c: reserve_iova()
void reserve_iova(iova_domain& iovad, uint64_t pfn_lo, uint64_t pfn_hi) {
  IOMMULAB_CALL(*iovad.trace, "reserve_iova", {"pfn_lo", pfn_lo}, {"pfn_hi", pfn_hi});
  if (!iovad.ranges->reserve_iova(pfn_lo, pfn_hi)) return;
  tell_range(iovad, events::range_action::reserve, pfn_lo, pfn_hi);
}

// Linux v6.12 drivers/iommu/iova.c: alloc_iova_fast()
uint64_t alloc_iova_fast(iova_domain& iovad, uint64_t size, uint64_t limit_pfn, bool flush_rcache) {
  IOMMULAB_CALL(*iovad.trace, "alloc_iova_fast", {"size", size}, {"limit_pfn", limit_pfn},
                {"flush_rcache", flush_rcache});
  const uint64_t asked = size;
  const auto given = [&](uint64_t pfn) {
    tell_range(iovad, events::range_action::alloc, pfn, pfn + asked - 1);
    return this_call.result(pfn);
  };
  // So that the range can be cached when it is freed.
  if (size < uint64_t{1} << (range_cache_orders - 1)) size = std::bit_ceil(size);
  const uint64_t cached = iovad.ranges->rcache_get(this_cpu(iovad.cpus), size, limit_pfn);
  if (cached != no_iova) return given(cached);
  uint64_t pfn = alloc_iova(iovad, size, limit_pfn);
  if (pfn == 0 && flush_rcache) {
    for (unsigned cpu = 0; cpu < iovad.cpus; ++cpu) iovad.ranges->free_cpu_cached_iovas(cpu);
    iovad.ranges->free_global_cached_iovas();
    pfn = alloc_iova(iovad, size, limit_pfn);
  }
  if (pfn == 0) return this_call.result(pfn);
  return given(pfn);
}

// Linux v6.12 drivers/iommu/iova.c: free_iova_fast()
void free_iova_fast(iova_domain& iovad, uint64_t pfn, uint64_t size) {
  IOMMULAB_CALL(*iovad.trace, "free_iova_fast", {"pfn", pfn}, {"size", size});
  tell_range(iovad, events::range_action::free, pfn, pfn + size - 1);
  iovad.ranges->free_fast(this_cpu(iovad.cpus), pfn, size);
}

}  // namespace iommulab::v6_12
