// SPDX-License-Identifier: GPL-2.0-or-later
//
// How Linux has looked for room since 4.15: from the top down, from one of two cached nodes or
// from the anchor above everything.
//
// `limit_pfn` here is exclusive, as in the kernel's inner functions. cached32_node serves every
// limit up to 4 GiB, cached_node the others; the anchor stands for "from the top".
//
// 4.19.1 forgets to move cached32_node when it is itself what is freed, if it reaches above 4 GiB,
// and then walks from freed memory. The one-line fix of the next version is in here.
//
// Invariant: both cached nodes are the anchor or in the tree. Locking: the tree's lock.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>

#include "absl/strings/str_format.h"
#include "iova/lab/range.h"
#include "iova/linux/range_tree.h"

namespace iommulab {

/// What 4.15 and all later versions have in common.
class dual_cached_search {
 public:
  void init(range_tree& tree, const iova_space& space) {
    forget_all(tree);
    start_pfn_ = space.start_pfn;
    shift_ = static_cast<unsigned>(std::countr_zero(space.granule));
    dma_32bit_pfn_ = uint64_t{1} << (32 - shift_);
  }

  /// All ranges are gone.
  void forget_all(range_tree& tree) { cached_node_ = cached32_node_ = tree.anchor(); }

  /// Frames whose addresses do not fit 64 bits are refused.
  [[nodiscard]] bool may_reserve(uint64_t pfn_hi) const {
    return pfn_hi <= (range_tree::anchor_pfn - 1) >> shift_;
  }

  [[nodiscard]] std::string state(const range_tree& tree) const {
    const auto name = [&tree](const iova* node) {
      return node == tree.anchor() ? std::string("anchor") : absl::StrFormat("0x%x", node->pfn_lo);
    };
    return "cached32=" + name(cached32_node_) + " cached=" + name(cached_node_);
  }

 protected:
  /// Room that a walk found, or where it gave up.
  struct room {
    iova* above;    ///< the node just above it
    uint64_t high;  ///< its exclusive end
    uint64_t pfn;   ///< where a range would begin
  };

  static uint64_t align_mask(uint64_t size, bool size_aligned) {
    return size_aligned ? ~uint64_t{0} << std::bit_width(size - 1) : ~uint64_t{0};
  }
  /// The inclusive limit of the interface made exclusive. Frame 2^64-1 is the anchor's.
  static uint64_t exclusive(uint64_t limit_pfn) {
    return limit_pfn + (limit_pfn != range_tree::anchor_pfn ? 1 : 0);
  }

  // Linux v4.15 drivers/iommu/iova.c: __get_cached_rbnode()
  [[nodiscard]] iova* get_cached_rbnode(uint64_t limit_pfn) const {
    return limit_pfn <= dma_32bit_pfn_ ? cached32_node_ : cached_node_;
  }

  /// Down from `at` until the range fits above the next node or lies below `low_pfn`.
  template <class Counts>
  static room walk_down(Counts& counts, const range_tree& tree, iova* at, uint64_t limit_pfn,
                        uint64_t size, uint64_t mask, uint64_t low_pfn) {
    room r{at, limit_pfn, 0};
    do {
      counts.node_visited();
      r.high = std::min(r.high, at->pfn_lo);
      r.pfn = (r.high - size) & mask;
      r.above = at;
      at = at->prev;
    } while (at != tree.anchor() && r.pfn <= at->pfn_hi && r.pfn >= low_pfn);
    return r;
  }

  void insert(range_tree& tree, const room& r, uint64_t size, iova& added) {
    added.pfn_lo = r.pfn;
    added.pfn_hi = r.pfn + size - 1;
    tree.insert_below(*r.above, added);
    // Linux v4.15 drivers/iommu/iova.c: __cached_rbnode_insert_update()
    (added.pfn_hi < dma_32bit_pfn_ ? cached32_node_ : cached_node_) = &added;
  }

  // Linux v4.19.2 drivers/iommu/iova.c: __cached_rbnode_delete_update()
  void move_cached_nodes_off(iova& removed) {
    if (&removed == cached32_node_ ||
        (removed.pfn_hi < dma_32bit_pfn_ && removed.pfn_lo >= cached32_node_->pfn_lo)) {
      cached32_node_ = removed.next;
    }
    if (removed.pfn_lo >= cached_node_->pfn_lo) cached_node_ = removed.next;
  }

  iova* cached_node_ = nullptr;
  iova* cached32_node_ = nullptr;
  uint64_t start_pfn_ = 0;      // lowest frame that may be given out
  uint64_t dma_32bit_pfn_ = 0;  // first frame above 4 GiB

 private:
  unsigned shift_ = 0;
};

/// 4.15 to 5.3: one walk.
class anchor_search : public dual_cached_search {
 public:
  // Linux v4.19 drivers/iommu/iova.c: __alloc_and_insert_iova_range()
  template <class Environment>
  bool alloc_and_insert(Environment& env, range_tree& tree, uint64_t size, uint64_t limit_pfn,
                        bool size_aligned, iova& added) {
    if (size - 1 >= uint64_t{1} << 63) return false;
    const uint64_t limit = exclusive(limit_pfn);
    env.counts.search_begins();
    const room r = walk_down(env.counts, tree, get_cached_rbnode(limit), limit, size,
                             align_mask(size, size_aligned), 0);
    env.counts.search_ends();
    if (r.high < size || r.pfn < start_pfn_) return false;
    insert(tree, r, size, added);
    return true;
  }

  template <class Environment>
  void delete_update(Environment& /*env*/, range_tree& /*tree*/, iova& removed) {
    move_cached_nodes_off(removed);
  }
};

/// 5.11 and later: what the walk from a cached node does not find is looked for once more from the
/// limit down to where that walk began. The size of the last request that failed is remembered:
/// 32-bit requests at least as large fail at once, until something below 4 GiB is freed.
class retry_search : public dual_cached_search {
 public:
  void init(range_tree& tree, const iova_space& space) {
    dual_cached_search::init(tree, space);
    max32_alloc_size_ = dma_32bit_pfn_;
  }

  // Linux v6.1 drivers/iommu/iova.c: __alloc_and_insert_iova_range()
  template <class Environment>
  bool alloc_and_insert(Environment& env, range_tree& tree, uint64_t size, uint64_t limit_pfn,
                        bool size_aligned, iova& added) {
    if (size - 1 >= uint64_t{1} << 63) return false;
    const uint64_t limit = exclusive(limit_pfn);
    env.counts.search_begins();
    const bool found = search(env, tree, size, limit, align_mask(size, size_aligned), added);
    env.counts.search_ends();
    return found;
  }

  // Linux v6.1 drivers/iommu/iova.c: __cached_rbnode_delete_update()
  template <class Environment>
  void delete_update(Environment& /*env*/, range_tree& /*tree*/, iova& removed) {
    if (removed.pfn_lo < dma_32bit_pfn_) max32_alloc_size_ = dma_32bit_pfn_;
    move_cached_nodes_off(removed);
  }

  [[nodiscard]] std::string state(const range_tree& tree) const {
    return dual_cached_search::state(tree) + absl::StrFormat(" max32=0x%x", max32_alloc_size_);
  }

 private:
  template <class Environment>
  bool search(Environment& env, range_tree& tree, uint64_t size, uint64_t limit, uint64_t mask,
              iova& added) {
    if (limit <= dma_32bit_pfn_ && size >= max32_alloc_size_) return false;
    iova* start = get_cached_rbnode(limit);
    const uint64_t start_hi = start->pfn_hi;
    room r = walk_down(env.counts, tree, start, limit, size, mask, start_pfn_);
    if (r.high < size || r.pfn < start_pfn_) [[unlikely]] {
      const bool again = start_hi < limit;
      if (again) {
        r = walk_down(env.counts, tree, find_limit(tree, limit), limit, size, mask, start_hi + 1);
      }
      if (!again || r.high < size || r.pfn < start_hi + 1) {
        max32_alloc_size_ = size;
        return false;
      }
    }
    insert(tree, r, size, added);
    return true;
  }

  // Linux v6.1 drivers/iommu/iova.c: iova_find_limit()
  iova* find_limit(range_tree& tree, uint64_t limit) const {
    return limit > dma_32bit_pfn_ ? tree.anchor() : tree.lowest_reaching(limit);
  }

  uint64_t max32_alloc_size_ = 0;
};

}  // namespace iommulab
