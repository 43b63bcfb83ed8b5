// SPDX-License-Identifier: GPL-2.0-or-later
#include "iova/iova.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <iterator>
#include <utility>

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

void trace_range(tracer& trace, std::string_view name, uint64_t lo, uint64_t hi) {
  if (!trace.on(trace_class::iova)) return;
  trace_event event;
  event.kind = trace_kind::iova;
  event.name = name;
  event.value = lo;
  event.value2 = hi;
  trace.emit(std::move(event));
}

// Where a search from the top down begins: the range at or below which there may be room, and
// the highest frame to consider. `at` is the end of the tree when no range lies below.
struct search_start {
  iova_rbroot::iterator at;
  uint64_t limit_pfn;
};

iova_rbroot::iterator previous(iova_rbroot& root, const iova_rbroot::iterator& i) {
  return i == root.begin() ? root.end() : std::prev(i);
}

// The next lower frame. At frame 0, v4.4 wraps to the top of 64 bits and gives out ranges there
// that overlap nothing but fit no device; as later kernels do, we stop at 0.
uint64_t frame_below(uint64_t frame) {
  return frame == 0 ? 0 : frame - 1;
}

// Linux v4.4 drivers/iommu/iova.c: __get_cached_rbnode()
search_start get_cached_rbnode(iova_domain& iovad, uint64_t limit_pfn)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(iovad.iova_rbtree_lock) {
  IOMMULAB_CALL(iovad.cache.trace, "__get_cached_rbnode");
  if (limit_pfn != iovad.dma_32bit_pfn || iovad.cached32_node == nullptr) {
    return {previous(iovad.rbroot, iovad.rbroot.end()), limit_pfn};
  }
  return {previous(iovad.rbroot, iovad.rbroot.iterator_to(*iovad.cached32_node)),
          frame_below(iovad.cached32_node->pfn_lo)};
}

// Linux v4.4 drivers/iommu/iova.c: __cached_rbnode_insert_update()
void cached_rbnode_insert_update(iova_domain& iovad, uint64_t limit_pfn, iova* added)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(iovad.iova_rbtree_lock) {
  IOMMULAB_CALL(iovad.cache.trace, "__cached_rbnode_insert_update");
  if (limit_pfn == iovad.dma_32bit_pfn) iovad.cached32_node = added;
}

// Linux v4.4 drivers/iommu/iova.c: __cached_rbnode_delete_update()
void cached_rbnode_delete_update(iova_domain& iovad, iova* removed)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(iovad.iova_rbtree_lock) {
  IOMMULAB_CALL(iovad.cache.trace, "__cached_rbnode_delete_update");
  if (iovad.cached32_node == nullptr || removed->pfn_lo < iovad.cached32_node->pfn_lo) return;
  // Room has appeared at or above the cached range: go up, to what follows the room, or forget.
  const auto next = std::next(iovad.rbroot.iterator_to(*removed));
  const bool below_4g = next != iovad.rbroot.end() && next->pfn_lo < iovad.dma_32bit_pfn;
  iovad.cached32_node = below_4g ? &*next : nullptr;
}

// Linux v4.4 drivers/iommu/iova.c: iova_get_pad_size(). How many frames stay free between a
// range and the limit so that the range begins at a multiple of its size's power of two. The
// kernel computes it in 32 bits.
uint32_t iova_get_pad_size(tracer& trace, uint64_t size, uint64_t limit_pfn) {
  IOMMULAB_CALL(trace, "iova_get_pad_size");
  const auto size32 = static_cast<uint32_t>(size);
  const uint32_t highest_start = static_cast<uint32_t>(limit_pfn) + 1 - size32;
  const auto alignment = static_cast<uint32_t>(std::bit_ceil(uint64_t{size32}));
  return highest_start & (alignment - 1);
}

// Linux v4.4 drivers/iommu/iova.c: __alloc_and_insert_iova_range()
int alloc_and_insert_iova_range(iova_domain& iovad, uint64_t size, uint64_t limit_pfn, iova* added,
                                bool size_aligned) {
  tracer& trace = iovad.cache.trace;
  IOMMULAB_CALL(trace, "__alloc_and_insert_iova_range");
  const absl::MutexLock guard(&iovad.iova_rbtree_lock);
  const search_start start = get_cached_rbnode(iovad, limit_pfn);
  auto at = start.at;
  uint64_t limit = start.limit_pfn;
  uint64_t pad = 0;
  const auto fits_above = [&](uint64_t last_used) {
    if (size_aligned) pad = iova_get_pad_size(trace, size, limit);
    return last_used + size + pad <= limit;
  };
  for (; at != iovad.rbroot.end(); at = previous(iovad.rbroot, at)) {
    if (limit < at->pfn_lo) continue;  // lies above the limit altogether
    if (limit >= at->pfn_hi && fits_above(at->pfn_hi)) break;
    limit = frame_below(at->pfn_lo);
  }
  const bool below_all = at == iovad.rbroot.end();
  // start_pfn itself counts as used, as the end of a range above which there must be room does.
  if (below_all && (!fits_above(iovad.start_pfn) || size > limit)) return -ENOMEM;

  added->pfn_lo = limit - (size + pad) + 1;
  added->pfn_hi = added->pfn_lo + size - 1;
  iovad.rbroot.insert_before(below_all ? iovad.rbroot.begin() : std::next(at), *added);
  cached_rbnode_insert_update(iovad, limit_pfn, added);
  return 0;
}

// Linux v4.4 drivers/iommu/iova.c: iova_insert_rbtree()
void iova_insert_rbtree(iova_domain& iovad, iova* added)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(iovad.iova_rbtree_lock) {
  IOMMULAB_CALL(iovad.cache.trace, "iova_insert_rbtree");
  iovad.rbroot.insert_equal(*added);
}

// Linux v4.4 drivers/iommu/iova.c: alloc_and_init_iova()
iova* alloc_and_init_iova(iova_cache& cache, uint64_t pfn_lo, uint64_t pfn_hi) {
  iova* range = alloc_iova_mem(cache);
  if (range != nullptr) {
    range->pfn_lo = pfn_lo;
    range->pfn_hi = pfn_hi;
  }
  return range;
}

// Linux v4.4 drivers/iommu/iova.c: __is_range_overlap()
bool is_range_overlap(tracer& trace, const iova& range, uint64_t pfn_lo, uint64_t pfn_hi) {
  IOMMULAB_CALL(trace, "__is_range_overlap");
  return pfn_lo <= range.pfn_hi && pfn_hi >= range.pfn_lo;
}

// Linux v4.4 drivers/iommu/iova.c: __adjust_overlap_range(). Widens `range` downward to pfn_lo,
// and moves pfn_lo up to what `range` leaves uncovered.
void adjust_overlap_range(tracer& trace, iova& range, uint64_t& pfn_lo, uint64_t pfn_hi) {
  IOMMULAB_CALL(trace, "__adjust_overlap_range");
  range.pfn_lo = std::min(range.pfn_lo, pfn_lo);
  if (pfn_hi > range.pfn_hi) pfn_lo = range.pfn_hi + 1;
}

// Linux v4.4 drivers/iommu/iova.c: __insert_new_range()
iova* insert_new_range(iova_domain& iovad, uint64_t pfn_lo, uint64_t pfn_hi)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(iovad.iova_rbtree_lock) {
  IOMMULAB_CALL(iovad.cache.trace, "__insert_new_range");
  iova* range = alloc_and_init_iova(iovad.cache, pfn_lo, pfn_hi);
  if (range != nullptr) iova_insert_rbtree(iovad, range);
  return range;
}

}  // namespace

void init_iova_domain(iova_domain& iovad, uint64_t granule, uint64_t start_pfn,
                      uint64_t pfn_32bit) {
  IOMMULAB_CALL(iovad.cache.trace, "init_iova_domain");
  IOMMULAB_NOTE(iovad.cache.trace, "init_iova_domain granule=0x%x start_pfn=0x%x pfn_32bit=0x%x",
                granule, start_pfn, pfn_32bit);
  assert(granule <= page_size && std::has_single_bit(granule));
  const absl::MutexLock guard(&iovad.iova_rbtree_lock);
  assert(iovad.rbroot.empty());
  iovad.cached32_node = nullptr;
  iovad.granule = granule;
  iovad.start_pfn = start_pfn;
  iovad.dma_32bit_pfn = pfn_32bit;
}

iova* alloc_iova(iova_domain& iovad, uint64_t size, uint64_t limit_pfn, bool size_aligned) {
  tracer& trace = iovad.cache.trace;
  IOMMULAB_CALL(trace, "alloc_iova");
  if (size == 0) return nullptr;  // v4.4 would insert a range that ends before it begins
  iova* range = alloc_iova_mem(iovad.cache);
  if (range == nullptr) return nullptr;
  if (alloc_and_insert_iova_range(iovad, size, limit_pfn, range, size_aligned) != 0) {
    free_iova_mem(iovad.cache, range);
    return nullptr;
  }
  IOMMULAB_NOTE(trace, "alloc_iova size=0x%x limit_pfn=0x%x aligned=%d -> lo=0x%x hi=0x%x", size,
                limit_pfn, size_aligned, range->pfn_lo, range->pfn_hi);
  trace_range(trace, "alloc", range->pfn_lo, range->pfn_hi);
  return range;
}

iova* find_iova(iova_domain& iovad, uint64_t frame) {
  IOMMULAB_CALL(iovad.cache.trace, "find_iova");
  const absl::MutexLock guard(&iovad.iova_rbtree_lock);
  // Reservations may overlap, so the first hit on the way down counts, as in the kernel.
  using traits = iova_rbroot::value_traits;
  using nodes = iova_rbroot::node_traits;
  nodes::node_ptr node = nodes::get_parent(iovad.rbroot.end().pointed_node());
  while (node) {
    iova* range = traits::to_value_ptr(node);
    if (frame >= range->pfn_lo && frame <= range->pfn_hi) return range;
    node = frame < range->pfn_lo ? nodes::get_left(node) : nodes::get_right(node);
  }
  return nullptr;
}

void free_iova(iova_domain& iovad, iova* range) {
  tracer& trace = iovad.cache.trace;
  IOMMULAB_CALL(trace, "__free_iova");
  IOMMULAB_NOTE(trace, "free_iova lo=0x%x hi=0x%x", range->pfn_lo, range->pfn_hi);
  trace_range(trace, "free", range->pfn_lo, range->pfn_hi);
  {
    const absl::MutexLock guard(&iovad.iova_rbtree_lock);
    cached_rbnode_delete_update(iovad, range);
    iovad.rbroot.erase(iovad.rbroot.iterator_to(*range));
  }
  free_iova_mem(iovad.cache, range);
}

void free_iova(iova_domain& iovad, uint64_t frame) {
  IOMMULAB_CALL(iovad.cache.trace, "free_iova");
  iova* range = find_iova(iovad, frame);
  if (range != nullptr) free_iova(iovad, range);
}

iova* reserve_iova(iova_domain& iovad, uint64_t pfn_lo, uint64_t pfn_hi) {
  tracer& trace = iovad.cache.trace;
  IOMMULAB_CALL(trace, "reserve_iova");
  IOMMULAB_NOTE(trace, "reserve_iova lo=0x%x hi=0x%x", pfn_lo, pfn_hi);
  trace_range(trace, "reserve", pfn_lo, pfn_hi);
  const absl::MutexLock guard(&iovad.iova_rbtree_lock);
  bool overlapped = false;
  for (iova& range : iovad.rbroot) {
    if (is_range_overlap(trace, range, pfn_lo, pfn_hi)) {
      adjust_overlap_range(trace, range, pfn_lo, pfn_hi);
      if (pfn_lo >= range.pfn_lo && pfn_hi <= range.pfn_hi) return &range;
      overlapped = true;
    } else if (overlapped) {
      break;
    }
  }
  return insert_new_range(iovad, pfn_lo, pfn_hi);
}

void copy_reserved_iova(iova_domain& from, iova_domain& to) {
  IOMMULAB_CALL(from.cache.trace, "copy_reserved_iova");
  assert(&from != &to);
  const absl::MutexLock guard(&from.iova_rbtree_lock);
  for (const iova& range : from.rbroot) {
    if (reserve_iova(to, range.pfn_lo, range.pfn_hi) != nullptr) continue;
    // The kernel prints pfn_lo twice.
    from.cache.log.print(log_level::err, absl::StrFormat("Reserve iova range %x@%x failed\n",
                                                         range.pfn_lo, range.pfn_lo));
  }
}

iova* split_and_remove_iova(iova_domain& iovad, iova* range, uint64_t pfn_lo, uint64_t pfn_hi) {
  iova_cache& cache = iovad.cache;
  IOMMULAB_CALL(cache.trace, "split_and_remove_iova");
  const absl::MutexLock guard(&iovad.iova_rbtree_lock);
  iova* before = nullptr;
  iova* after = nullptr;
  if (range->pfn_lo < pfn_lo) {
    before = alloc_and_init_iova(cache, range->pfn_lo, pfn_lo - 1);
    if (before == nullptr) return nullptr;
  }
  if (range->pfn_hi > pfn_hi) {
    after = alloc_and_init_iova(cache, pfn_hi + 1, range->pfn_hi);
    if (after == nullptr) {
      if (before != nullptr) free_iova_mem(cache, before);
      return nullptr;
    }
  }
  cached_rbnode_delete_update(iovad, range);
  iovad.rbroot.erase(iovad.rbroot.iterator_to(*range));
  if (before != nullptr) {
    iova_insert_rbtree(iovad, before);
    range->pfn_lo = pfn_lo;
  }
  if (after != nullptr) {
    iova_insert_rbtree(iovad, after);
    range->pfn_hi = pfn_hi;
  }
  return range;
}

void put_iova_domain(iova_domain& iovad) {
  IOMMULAB_CALL(iovad.cache.trace, "put_iova_domain");
  const absl::MutexLock guard(&iovad.iova_rbtree_lock);
  // v4.4 leaves the cached node dangling here; nothing may use the domain afterwards there.
  iovad.cached32_node = nullptr;
  while (!iovad.rbroot.empty()) {
    iova* range = &*iovad.rbroot.begin();
    iovad.rbroot.erase(iovad.rbroot.begin());
    free_iova_mem(iovad.cache, range);
  }
}

}  // namespace iommulab
