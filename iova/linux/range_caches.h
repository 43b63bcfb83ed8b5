// SPDX-License-Identifier: GPL-2.0-only
//
// The per-CPU caches of freed ranges, of Linux 4.7 and later: for each processor and each size of
// 1, 2, 4, … 32 frames two magazines, `loaded` and `prev`; for each size a depot of full ones.
// Ranges in caches stay in the tree.
//
// The range pushed last is kept beside the pointers, in `top`, not in the magazine: a free and
// an allocation that follow each other touch one cache line and wait for no counter.
//
// Invariant: the loaded magazine holds at most capacity - 1 entries, so `top` has room in it;
// together they are what the kernel's loaded magazine holds, `top` last. `top` is `none` when
// nothing was pushed since the last pop.
// Locking: a processor's lock guards its top, loaded and prev; a depot's lock the depot. The
// order is processor, depot, tree.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "iova/lab/allocator.h"
#include "iova/lab/host.h"
#include "iova/lab/node_pool.h"
#include "iova/linux/magazine.h"

namespace iommulab {

/// How 4.9 takes a range from a cache: the one on top of the loaded magazine or none, and its
/// size is not looked at, so that it may reach above the limit. When there is no room in the tree
/// either, the caches are always flushed.
struct take_top {
  static constexpr bool searches = false;
  static constexpr bool always_flushes = true;
  static int64_t highest_start(uint64_t /*size*/, uint64_t limit_pfn) {
    return static_cast<int64_t>(limit_pfn - 1);
  }
};

/// From 4.11 on: the topmost range of the loaded magazine that ends at or below the limit.
struct take_topmost_fit {
  static constexpr bool searches = true;
  static constexpr bool always_flushes = false;
  static int64_t highest_start(uint64_t size, uint64_t limit_pfn) {
    return static_cast<int64_t>(limit_pfn + 1 - size);
  }
};

template <class Host, class Take, template <class> class Depot, unsigned MagazineSize>
class range_caches {
 public:
  using magazine = iova_magazine<MagazineSize>;
  using depot = Depot<magazine>;
  using counts_type = typename Host::counts_type;

  /// Sizes of 1 << 0 to 1 << (orders - 1) frames. Linux: IOVA_RANGE_CACHE_MAX_SIZE
  static constexpr unsigned orders = 6;
  static constexpr bool trims = depot::trims;
  static constexpr bool always_flushes = Take::always_flushes;

  explicit range_caches(Host& host) : magazines_(host.failures) {}
  ~range_caches() { forget_all(); }
  range_caches(const range_caches&) = delete;
  range_caches& operator=(const range_caches&) = delete;

  // Linux v6.1 drivers/iommu/iova.c: iova_domain_init_rcaches(). Empty caches for `cpus`
  // processors in place of those there were. False, and no caches: no memory.
  bool init(unsigned cpus) {
    forget_all();
    cpu_rcaches_ = std::make_unique<cpu_rcache[]>(size_t{cpus} * orders);
    cpus_ = online_cpus_ = cpus;
    for (unsigned i = 0; i < cpus * orders; ++i) {
      cpu_rcaches_[i].loaded = magazines_.make();
      cpu_rcaches_[i].prev = magazines_.make();
      if (cpu_rcaches_[i].loaded == nullptr || cpu_rcaches_[i].prev == nullptr) {
        forget_all();
        return false;
      }
    }
    return true;
  }
  [[nodiscard]] unsigned cpus() const { return cpus_; }

  /// What an allocation of `size` takes, so that the range can be cached when it is freed.
  // Linux v6.1 drivers/iommu/iova.c: alloc_iova_fast(); in its callers before 5.17.
  static uint64_t rounded(uint64_t size) {
    constexpr uint64_t largest = uint64_t{1} << (orders - 1);
    return size - 1 < largest - 1 ? std::bit_ceil(size) : size;  // 0 stays 0
  }

  // Linux v6.1 drivers/iommu/iova.c: iova_rcache_get(). The lowest frame of a cached range for
  // `size` frames, rounded or not, or no_iova.
  uint64_t get(counts_type& counts, unsigned cpu, uint64_t size, uint64_t limit_pfn) {
    const unsigned order = order_of(size);
    if (order >= orders || cpu >= cpus_) [[unlikely]]
      return no_iova;
    const int64_t highest = Take::highest_start(uint64_t{1} << order, limit_pfn);
    cpu_rcache& cache = cpu_rcaches_[cpu * orders + order];
    const lab_guard guard(cache.lock, counts);
    if (cache.top <= highest) [[likely]] {
      return static_cast<uint64_t>(std::exchange(cache.top, none));
    }
    return get_slowly(counts, cache, order, highest);
  }

  // Linux v6.1 drivers/iommu/iova.c: iova_rcache_insert(). False: not cached. `free_pfns` frees
  // the ranges of a magazine for which there is no room: free_pfns(const magazine&).
  template <class FreePfns>
  bool insert(counts_type& counts, unsigned cpu, uint64_t pfn, uint64_t size, FreePfns free_pfns) {
    const unsigned order = order_of(size);
    if (order >= orders || cpu >= cpus_) [[unlikely]]
      return false;
    cpu_rcache& cache = cpu_rcaches_[cpu * orders + order];
    std::optional<magazine*> surplus;
    {
      const lab_guard guard(cache.lock, counts);
      if (cache.top == none) [[likely]] {
        cache.top = static_cast<int64_t>(pfn);
        return true;
      }
      if (cache.loaded->size < MagazineSize - 1) [[likely]] {
        cache.loaded->pfns[cache.loaded->size++] = static_cast<uint64_t>(cache.top);
        cache.top = static_cast<int64_t>(pfn);
        return true;
      }
      surplus = make_room(counts, cache, order);
      if (!surplus) return false;
      cache.top = static_cast<int64_t>(pfn);
    }
    if (*surplus != nullptr) free_magazine(**surplus, free_pfns);
    return true;
  }

  // Linux v6.1 drivers/iommu/iova.c: free_cpu_cached_iovas()
  template <class FreePfns>
  void free_cpu(counts_type& counts, unsigned cpu, FreePfns free_pfns) {
    if (cpu >= cpus_) return;
    for (unsigned order = 0; order < orders; ++order) {
      cpu_rcache& cache = cpu_rcaches_[cpu * orders + order];
      const lab_guard guard(cache.lock, counts);
      cache.put_top_back();
      free_pfns(*cache.loaded);
      free_pfns(*cache.prev);
      cache.loaded->size = cache.prev->size = 0;
    }
  }
  // Linux v6.1 drivers/iommu/iova.c: free_global_cached_iovas()
  template <class FreePfns>
  void free_global(counts_type& counts, FreePfns free_pfns) {
    for (locked_depot& bin : depots_) {
      const lab_guard guard(bin.lock, counts);
      bin.full.drain([&](magazine* full) {
        free_pfns(*full);
        magazines_.destroy(full);
      });
    }
  }
  /// One processor fewer is online.
  void cpu_gone() {
    if (online_cpus_ > 0) --online_cpus_;
  }

  // Linux v6.12 drivers/iommu/iova.c: iova_depot_work_func(), for each size whose work is due.
  template <class FreePfns>
  unsigned run_depot_work(counts_type& counts, FreePfns free_pfns) requires trims {
    unsigned ran = 0;
    for (locked_depot& bin : depots_) {
      magazine* surplus = nullptr;
      {
        const lab_guard guard(bin.lock, counts);
        if (!bin.full.work_pending()) continue;
        surplus = bin.full.trim(online_cpus_);
      }
      ++ran;
      if (surplus == nullptr) continue;
      free_pfns(*surplus);
      magazines_.destroy(surplus);
    }
    return ran;
  }
  [[nodiscard]] uint64_t depot_size(unsigned order) const { return depots_[order].full.size(); }

  [[nodiscard]] uint64_t bytes() const {
    return magazines_.live() * sizeof(magazine) + sizeof(depots_) +
           uint64_t{cpus_} * orders * sizeof(cpu_rcache);
  }

 private:
  using lock_type = typename Host::lock_type;
  static constexpr int64_t none = std::numeric_limits<int64_t>::max();  // above every limit

  // Linux drivers/iommu/iova.c: struct iova_cpu_rcache
  struct alignas(64) cpu_rcache {
    int64_t top = none;
    magazine* loaded = nullptr;
    magazine* prev = nullptr;
    [[no_unique_address]] lock_type lock;

    [[nodiscard]] bool loaded_is_empty() const { return top == none && loaded->size == 0; }
    void put_top_back() {
      if (top != none)
        loaded->pfns[loaded->size++] = static_cast<uint64_t>(std::exchange(top, none));
    }
    void take_top_off() { top = static_cast<int64_t>(loaded->pfns[--loaded->size]); }
  };
  // Linux drivers/iommu/iova.c: struct iova_rcache
  struct locked_depot {
    [[no_unique_address]] lock_type lock;
    depot full;
  };

  /// Sizes up to 1 << order. Past the last for a size of 0.
  static unsigned order_of(uint64_t size) {
    return static_cast<unsigned>(std::bit_width(size - 1));
  }

  // The rest of iova_rcache_get(): `top` is none or too high. Not inlined, as all that is rare, so
  // that what is frequent needs no stack.
  [[gnu::noinline]] uint64_t get_slowly(counts_type& counts, cpu_rcache& cache, unsigned order,
                                        int64_t highest) {
    if (cache.loaded_is_empty() && !load_another(counts, cache, order)) return no_iova;
    return pop(cache, highest);
  }

  // A magazine with ranges in place of the empty one: the previous one, or one of the depot.
  bool load_another(counts_type& counts, cpu_rcache& cache, unsigned order) {
    if (cache.prev->size > 0) {
      std::swap(cache.loaded, cache.prev);
    } else {
      const lab_guard guard(depots_[order].lock, counts);
      magazine* full = depots_[order].full.pop();
      if (full == nullptr) return false;
      magazines_.destroy(cache.loaded);
      cache.loaded = full;
    }
    cache.take_top_off();
    return true;
  }

  // Linux v6.1 drivers/iommu/iova.c: iova_magazine_pop(). The last entry takes the place of the
  // one that is popped.
  static uint64_t pop(cpu_rcache& cache, int64_t highest) {
    if (cache.top <= highest) return static_cast<uint64_t>(std::exchange(cache.top, none));
    if (cache.top != none && !Take::searches) return no_iova;
    magazine& loaded = *cache.loaded;
    for (uint64_t i = loaded.size; i-- > 0;) {
      const uint64_t pfn = loaded.pfns[i];
      if (static_cast<int64_t>(pfn) <= highest) {
        loaded.pfns[i] = cache.top == none ? loaded.pfns[--loaded.size]
                                           : static_cast<uint64_t>(std::exchange(cache.top, none));
        return pfn;
      }
      if (!Take::searches) break;
    }
    return no_iova;
  }

  // Makes the loaded magazine one that has room for one more than it holds, with `top` empty.
  // A magazine for which the depot has no room, or null; nothing, and all as before: no memory.
  [[gnu::noinline]] std::optional<magazine*> make_room(counts_type& counts, cpu_rcache& cache,
                                                       unsigned order) {
    if (cache.prev->size < MagazineSize) {
      cache.put_top_back();
      std::swap(cache.loaded, cache.prev);
      return nullptr;
    }
    magazine* fresh = magazines_.make();
    if (fresh == nullptr) return std::nullopt;
    cache.put_top_back();
    const lab_guard guard(depots_[order].lock, counts);
    magazine* surplus = depots_[order].full.push(cache.loaded);
    cache.loaded = fresh;
    return surplus;
  }

  template <class FreePfns>
  [[gnu::noinline]] void free_magazine(magazine& full, FreePfns free_pfns) {
    free_pfns(full);
    magazines_.destroy(&full);
  }

  // Magazines go; the ranges in them stay in the tree.
  void forget_all() {
    for (unsigned i = 0; i < cpus_ * orders; ++i) {
      if (cpu_rcaches_[i].loaded != nullptr) magazines_.destroy(cpu_rcaches_[i].loaded);
      if (cpu_rcaches_[i].prev != nullptr) magazines_.destroy(cpu_rcaches_[i].prev);
    }
    for (locked_depot& bin : depots_) {
      bin.full.drain([this](magazine* full) { magazines_.destroy(full); });
    }
    cpu_rcaches_.reset();
    cpus_ = online_cpus_ = 0;
  }

  node_pool<magazine, lock_type> magazines_;
  std::unique_ptr<cpu_rcache[]> cpu_rcaches_;  // by processor, then order
  unsigned cpus_ = 0;
  unsigned online_cpus_ = 0;
  locked_depot depots_[orders];
};

}  // namespace iommulab
