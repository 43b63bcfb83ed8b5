// SPDX-License-Identifier: GPL-2.0-only
//
// The kernels' allocators as engines of the lab (lab/boxed_engine.h), each a choice of how to
// search the tree and of caches in front of it. Functions that only tools need bear the kernel's
// names.
//
// Locking: `lock_`, the kernel's iova_rbtree_lock, guards tree, search and nodes. (The kernel has
// its nodes from a slab cache with a list for each processor, outside the lock and without one.)
// The caches' locks: range_caches.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "iova/lab/allocator.h"
#include "iova/lab/host.h"
#include "iova/lab/node_pool.h"
#include "iova/linux/anchor_search.h"
#include "iova/linux/cached32_search.h"
#include "iova/linux/linux_domain.h"
#include "iova/linux/range_caches.h"
#include "iova/linux/searched_tree.h"

namespace iommulab {

/// Before 4.7: none.
template <class Host>
struct no_range_caches {
  explicit no_range_caches(Host& /*host*/) {}
};

/// What one kernel's engine is made of.
template <class Search, template <class> class Caches>
struct linux_generation {
  using search = Search;
  template <class Host>
  using caches = Caches<Host>;
};

template <class Host, class Generation>
class linux_engine {
  using counts_type = typename Host::counts_type;
  using lock_type = typename Host::lock_type;
  using caches_type = typename Generation::template caches<Host>;
  static constexpr bool has_caches = !std::is_same_v<caches_type, no_range_caches<Host>>;
  static constexpr bool is_4_x = !std::is_same_v<typename Generation::search, retry_search>;
  static constexpr bool trims = [] {
    if constexpr (has_caches) return caches_type::trims;
    return false;
  }();

 public:
  linux_engine(Host& host, const iova_space& space, unsigned cpus)
      : env_{{}, node_pool<iova, no_lock>(host.failures), {}}, caches_(host) {
    ranges_.init(space);
    usable_ = init_rcaches(cpus);
  }
  ~linux_engine() { ranges_.free_all(env_); }
  linux_engine(const linux_engine&) = delete;
  linux_engine& operator=(const linux_engine&) = delete;

  [[nodiscard]] bool usable() const { return usable_; }

  static constexpr bool supports(linux_iova_feature feature) {
    switch (feature) {
      case linux_iova_feature::split:
      case linux_iova_feature::copy_reserved:
        return is_4_x;
      case linux_iova_feature::range_caches:
        return has_caches;
      case linux_iova_feature::flush_global:
        return !is_4_x;
      case linux_iova_feature::depot_work:
        return trims;
    }
    return false;
  }

  // Linux v6.1 drivers/iommu/iova.c: alloc_iova(). The kernel takes the node first.
  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) {
    const lab_guard guard(lock_, env_.counts);
    const iova_room room = ranges_.find_room(env_, size, limit_pfn, size_aligned);
    if (!room) [[unlikely]]
      return {};
    iova* added = env_.nodes.make();
    if (added == nullptr) [[unlikely]]
      return {};
    ranges_.insert(env_, room, size, limit_pfn, *added);
    return {room.pfn_lo, added};
  }

  // Linux v6.1 drivers/iommu/iova.c: __free_iova()
  void free(iova_grant grant, uint64_t /*size*/) {
    const lab_guard guard(lock_, env_.counts);
    remove(*static_cast<iova*>(grant.node));
  }

  // Linux v6.1 drivers/iommu/iova.c: alloc_iova_fast()
  uint64_t alloc_fast(unsigned cpu, uint64_t size, uint64_t limit_pfn, bool flush) {
    if constexpr (has_caches) {
      const uint64_t cached = rcache_get(cpu, size, limit_pfn);
      if (cached != no_iova) [[likely]]
        return cached;
      return alloc_past_caches(caches_type::rounded(size), limit_pfn, flush);
    } else {
      return alloc(size, limit_pfn, true).pfn_lo;
    }
  }

  // Linux v6.1 drivers/iommu/iova.c: iova_rcache_get()
  uint64_t rcache_get(unsigned cpu, uint64_t size, uint64_t limit_pfn) {
    if constexpr (has_caches) {
      const uint64_t cached = caches_.get(env_.counts, cpu, size, limit_pfn);
      if (cached != no_iova) [[likely]] {
        env_.counts.cache_hit();
        return cached;
      }
      env_.counts.cache_missed();
    }
    return no_iova;
  }

  // Linux v6.1 drivers/iommu/iova.c: free_iova_fast()
  void free_fast(unsigned cpu, uint64_t pfn_lo, uint64_t size) {
    if constexpr (has_caches) {
      if (caches_.insert(env_.counts, cpu, pfn_lo, size, pfn_freer())) [[likely]]
        return;
    }
    free_iova(pfn_lo);
  }

  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) {
    return reserve_iova(pfn_lo, pfn_hi).has_value();
  }

  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const {
    const lab_guard guard(lock_, env_.counts);
    return range_of(ranges_.tree.find(frame));
  }
  template <class F>
  void for_each(F f) const {
    const lab_guard guard(lock_, env_.counts);
    for (const iova& i : ranges_.tree) f(iova_range{i.pfn_lo, i.pfn_hi});
  }

  [[nodiscard]] iova_counters counters() const {
    const lab_guard guard(lock_, env_.counts);
    iova_counters all;
    env_.counts.add_to(all);
    all.nodes = env_.nodes.live();
    all.node_bytes = all.nodes * sizeof(iova);
    if constexpr (has_caches) all.node_bytes += caches_.bytes();
    return all;
  }

  // What follows is for tools and traces.

  bool init_rcaches(unsigned cpus) {
    if constexpr (has_caches) return caches_.init(cpus);
    return true;
  }

  // Linux v6.1 drivers/iommu/iova.c: reserve_iova()
  std::optional<iova_range> reserve_iova(uint64_t pfn_lo, uint64_t pfn_hi) {
    const lab_guard guard(lock_, env_.counts);
    if (pfn_lo > pfn_hi || !ranges_.search.may_reserve(pfn_hi)) return std::nullopt;
    return range_of(ranges_.reserve(env_, pfn_lo, pfn_hi));
  }

  // Linux v6.1 drivers/iommu/iova.c: find_iova()
  [[nodiscard]] iova_grant find_iova(uint64_t frame) {
    const lab_guard guard(lock_, env_.counts);
    iova* found = ranges_.tree.find(frame);
    return found == nullptr ? iova_grant{} : iova_grant{found->pfn_lo, found};
  }

  // Linux v6.1 drivers/iommu/iova.c: free_iova()
  [[gnu::noinline]] void free_iova(uint64_t frame) {
    const lab_guard guard(lock_, env_.counts);
    if (iova* removed = ranges_.tree.find(frame)) remove(*removed);
  }

  // Linux v4.4 drivers/iommu/iova.c: split_and_remove_iova()
  std::optional<iova_range> split_and_remove_iova(iova_grant grant, uint64_t pfn_lo,
                                                  uint64_t pfn_hi) {
    const lab_guard guard(lock_, env_.counts);
    iova* piece = ranges_.split_and_remove(env_, *static_cast<iova*>(grant.node), pfn_lo, pfn_hi);
    const std::optional<iova_range> removed = range_of(piece);
    if (piece != nullptr) env_.nodes.destroy(piece);
    return removed;
  }

  // Linux v6.1 drivers/iommu/iova.c: free_cpu_cached_iovas()
  void free_cpu_cached_iovas(unsigned cpu) {
    if constexpr (has_caches) caches_.free_cpu(env_.counts, cpu, pfn_freer());
  }
  // Linux v6.1 drivers/iommu/iova.c: free_global_cached_iovas()
  void free_global_cached_iovas() {
    if constexpr (has_caches) caches_.free_global(env_.counts, pfn_freer());
  }
  // Linux v6.1 drivers/iommu/iova.c: iova_cpuhp_dead()
  void cpu_dead(unsigned cpu) {
    if constexpr (has_caches) {
      if (cpu >= caches_.cpus()) return;
      free_cpu_cached_iovas(cpu);
      caches_.cpu_gone();
    }
  }
  unsigned run_depot_work() {
    if constexpr (trims) return caches_.run_depot_work(env_.counts, pfn_freer());
    return 0;
  }
  [[nodiscard]] std::vector<uint64_t> depot_sizes() const {
    std::vector<uint64_t> sizes;
    if constexpr (has_caches) {
      for (unsigned order = 0; order < caches_type::orders; ++order) {
        sizes.push_back(caches_.depot_size(order));
      }
    }
    return sizes;
  }

  [[nodiscard]] std::string state() const {
    const lab_guard guard(lock_, env_.counts);
    return ranges_.search.state(ranges_.tree);
  }

 private:
  // searched_tree's environment: nodes from the pool, nothing traced.
  struct environment : untraced_calls {
    node_pool<iova, no_lock> nodes;
    [[no_unique_address]] counts_type counts;

    iova* alloc_iova_mem() { return nodes.make(); }
    void free_iova_mem(iova* node) { nodes.destroy(node); }
  };

  void remove(iova& removed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    ranges_.remove(env_, removed);
    env_.nodes.destroy(&removed);
  }
  static std::optional<iova_range> range_of(const iova* i) {
    if (i == nullptr) return std::nullopt;
    return iova_range{i->pfn_lo, i->pfn_hi};
  }

  // The rest of alloc_iova_fast().
  [[gnu::noinline]] uint64_t alloc_past_caches(uint64_t size, uint64_t limit_pfn, bool flush) {
    const iova_grant grant = alloc(size, limit_pfn, true);
    if (grant || (!flush && !caches_type::always_flushes)) return grant.pfn_lo;
    // What the caches hold may make room.
    for (unsigned cpu = 0; cpu < caches_.cpus(); ++cpu) free_cpu_cached_iovas(cpu);
    if constexpr (supports(linux_iova_feature::flush_global)) free_global_cached_iovas();
    return alloc(size, limit_pfn, true).pfn_lo;
  }

  // Linux v6.1 drivers/iommu/iova.c: iova_magazine_free_pfns()
  auto pfn_freer() {
    return [this](const auto& magazine) {
      const lab_guard guard(lock_, env_.counts);
      for (uint64_t i = 0; i < magazine.size; ++i) {
        // No node: it was freed twice. The kernel warns.
        if (iova* removed = ranges_.tree.find(magazine.pfns[i])) remove(*removed);
      }
    };
  }

  mutable environment env_;
  mutable lock_type lock_;
  mutable searched_tree<typename Generation::search> ranges_ ABSL_GUARDED_BY(lock_);
  [[no_unique_address]] caches_type caches_;
  bool usable_ = false;
};

}  // namespace iommulab
