// SPDX-License-Identifier: GPL-2.0-only
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

  // Linux v4.15 drivers/iommu/iova.c: __cached_rbnode_insert_update()
  template <class Environment>
  void insert_update(Environment& /*env*/, uint64_t /*limit_pfn*/, iova& added) {
    (added.pfn_hi < dma_32bit_pfn_ ? cached32_node_ : cached_node_) = &added;
  }

  [[nodiscard]] std::string state(const range_tree& tree) const {
    const auto name = [&tree](const iova* node) {
      return node == tree.anchor() ? std::string("anchor") : absl::StrFormat("0x%x", node->pfn_lo);
    };
    return "cached32=" + name(cached32_node_) + " cached=" + name(cached_node_);
  }

 protected:
  /// Where a walk ended, and the exclusive end of the room there.
  struct walk {
    iova_room room;
    uint64_t high;
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
  static walk walk_down(Counts& counts, const range_tree& tree, iova* at, uint64_t limit_pfn,
                        uint64_t size, uint64_t mask, uint64_t low_pfn) {
    walk w{{}, limit_pfn};
    do {
      counts.node_visited();
      w.high = std::min(w.high, at->pfn_lo);
      w.room = {at, (w.high - size) & mask};
      at = range_tree::walk_below(*at);
    } while (at != tree.anchor() && w.room.pfn_lo <= at->pfn_hi && w.room.pfn_lo >= low_pfn);
    return w;
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
  // Linux v4.19 drivers/iommu/iova.c: __alloc_and_insert_iova_range(), until room is found.
  template <class Environment>
  iova_room find_room(Environment& env, range_tree& tree, uint64_t size, uint64_t limit_pfn,
                      bool size_aligned) {
    if (size - 1 >= uint64_t{1} << 63) return {};
    const uint64_t limit = exclusive(limit_pfn);
    env.counts.search_begins();
    const walk w = walk_down(env.counts, tree, get_cached_rbnode(limit), limit, size,
                             align_mask(size, size_aligned), 0);
    env.counts.search_ends();
    if (w.high < size || w.room.pfn_lo < start_pfn_) return {};
    return w.room;
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

  // Linux v6.1 drivers/iommu/iova.c: __alloc_and_insert_iova_range(), until room is found.
  template <class Environment>
  iova_room find_room(Environment& env, range_tree& tree, uint64_t size, uint64_t limit_pfn,
                      bool size_aligned) {
    if (size - 1 >= uint64_t{1} << 63) return {};
    const uint64_t limit = exclusive(limit_pfn);
    env.counts.search_begins();
    const iova_room room = limit <= dma_32bit_pfn_ && size >= max32_alloc_size_
                               ? iova_room{}
                               : search(env, tree, size, limit, align_mask(size, size_aligned));
    env.counts.search_ends();
    return room;
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
  iova_room search(Environment& env, range_tree& tree, uint64_t size, uint64_t limit,
                   uint64_t mask) {
    iova* start = get_cached_rbnode(limit);
    walk w = walk_down(env.counts, tree, start, limit, size, mask, start_pfn_);
    if (w.high >= size && w.room.pfn_lo >= start_pfn_) [[likely]]
      return w.room;
    if (start->pfn_hi < limit) {
      const uint64_t low_pfn = start->pfn_hi + 1;
      w = walk_down(env.counts, tree, find_limit(tree, limit), limit, size, mask, low_pfn);
      if (w.high >= size && w.room.pfn_lo >= low_pfn) return w.room;
    }
    max32_alloc_size_ = size;
    return {};
  }

  // Linux v6.1 drivers/iommu/iova.c: iova_find_limit()
  iova* find_limit(range_tree& tree, uint64_t limit) const {
    return limit > dma_32bit_pfn_ ? tree.anchor() : tree.lowest_reaching(limit);
  }

  uint64_t max32_alloc_size_ = 0;
};

}  // namespace iommulab
