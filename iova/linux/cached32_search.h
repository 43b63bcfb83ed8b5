// SPDX-License-Identifier: GPL-2.0-only
//
// How Linux looked for room until 4.14: from the top down, with one cached node.
//
// Limits are inclusive. Only a request whose limit is exactly dma_32bit_pfn is served from the
// cached node, and only such a request moves it; any other limit starts at the last node. start_pfn
// counts as used, so it is never given out itself.
//
// At a range that begins at frame 0 the search ends. 4.4 goes on above it there, with a limit that
// wraps to the top of 64 bits: it gives out a range that no device can use, links it in the wrong
// place, and the second such request gets the same range and stops the machine (BUG). 4.4.178
// ends the search, too.
//
// Invariant: cached32_node is null or in the tree. Locking: the tree's lock.
#pragma once

#include <bit>
#include <cstdint>
#include <string>

#include "absl/strings/str_format.h"
#include "core/trace.h"
#include "iova/lab/range.h"
#include "iova/linux/range_tree.h"

namespace iommulab {

struct cached32_search {
  iova* cached32_node = nullptr;
  uint64_t start_pfn = 0;
  uint64_t dma_32bit_pfn = 0;  ///< last frame below 4 GiB

  void init(range_tree& /*tree*/, const iova_space& space) {
    cached32_node = nullptr;
    start_pfn = space.start_pfn;
    dma_32bit_pfn = space.last_32bit_pfn;
  }

  /// All ranges are gone. (4.4 leaves the cached node dangling: nothing may use the domain then.)
  void forget_all(range_tree& /*tree*/) { cached32_node = nullptr; }

  // Linux v4.4 drivers/iommu/iova.c: __alloc_and_insert_iova_range(), until room is found.
  template <class Environment>
  iova_room find_room(Environment& env, range_tree& tree, uint64_t size, uint64_t limit_pfn,
                      bool size_aligned) {
    if (size - 1 >= uint64_t{1} << 63) return {};
    const uint32_t align_mask = size_aligned ? alignment_mask(size) : 0;
    env.counts.search_begins();
    uint64_t limit = limit_pfn;
    iova* at = get_cached_rbnode(env, tree, limit);
    uint64_t pad = 0;
    const auto fits_above = [&](uint64_t last_used) {
      if (size_aligned) pad = get_pad_size(env, size, limit, align_mask);
      return size + pad <= limit - last_used;
    };
    for (; at != tree.anchor(); at = range_tree::walk_below(*at)) {
      env.counts.node_visited();
      if (limit < at->pfn_lo) continue;  // lies above the limit altogether
      if (limit >= at->pfn_hi && fits_above(at->pfn_hi)) break;
      limit = at->pfn_lo == 0 ? 0 : at->pfn_lo - 1;
    }
    env.counts.search_ends();
    if (at == tree.anchor() && (!fits_above(start_pfn) || limit < start_pfn)) {
      if (tree.first() != tree.anchor() && tree.first()->pfn_lo == 0) env.search_ended_at_frame_0();
      return {};
    }
    return {at->next, limit - (size + pad) + 1};
  }

  // Linux v4.4 drivers/iommu/iova.c: __cached_rbnode_insert_update()
  template <class Environment>
  void insert_update(Environment& env, uint64_t limit_pfn, iova& added) {
    [[maybe_unused]] const auto this_call = env.call(
        "__cached_rbnode_insert_update",
        IOMMULAB_VALUES({"limit_pfn", limit_pfn}, {"lo", added.pfn_lo}, {"hi", added.pfn_hi}));
    if (limit_pfn == dma_32bit_pfn) cached32_node = &added;
  }

  // Linux v4.4 drivers/iommu/iova.c: __cached_rbnode_delete_update()
  template <class Environment>
  void delete_update(Environment& env, range_tree& tree, iova& removed) {
    [[maybe_unused]] const auto this_call =
        env.call("__cached_rbnode_delete_update",
                 IOMMULAB_VALUES({"lo", removed.pfn_lo}, {"hi", removed.pfn_hi}));
    if (cached32_node == nullptr || removed.pfn_lo < cached32_node->pfn_lo) return;
    // Room has appeared at or above the cached range: go up, to what follows the room, or forget.
    iova* next = removed.next;
    cached32_node = next != tree.anchor() && next->pfn_lo < dma_32bit_pfn ? next : nullptr;
  }

  [[nodiscard]] bool may_reserve(uint64_t /*pfn_hi*/) const { return true; }

  [[nodiscard]] std::string state(const range_tree& /*tree*/) const {
    if (cached32_node == nullptr) return "cached32=none";
    return absl::StrFormat("cached32=0x%x", cached32_node->pfn_lo);
  }

 private:
  // Linux v4.4 drivers/iommu/iova.c: __get_cached_rbnode(). Where to begin, and below what.
  template <class Environment>
  iova* get_cached_rbnode(Environment& env, range_tree& tree, uint64_t& limit) const {
    [[maybe_unused]] const auto this_call =
        env.call("__get_cached_rbnode", IOMMULAB_VALUES({"limit_pfn", limit}));
    iova* begin = tree.last();
    if (limit == dma_32bit_pfn && cached32_node != nullptr) {
      limit = cached32_node->pfn_lo == 0 ? 0 : cached32_node->pfn_lo - 1;
      begin = cached32_node->prev;
    }
    return this_call.result(begin, [&] { return begin == tree.anchor() ? nullptr : begin; });
  }

  // Linux v4.4 drivers/iommu/iova.c: iova_get_pad_size(). How many frames stay free between a
  // range and the limit so that the range begins at a multiple of its size's power of two. The
  // kernel computes it in 32 bits.
  template <class Environment>
  static uint64_t get_pad_size(Environment& env, uint64_t size, uint64_t limit, uint32_t mask) {
    [[maybe_unused]] const auto this_call =
        env.call("iova_get_pad_size", IOMMULAB_VALUES({"size", size}, {"limit_pfn", limit}));
    return this_call.result(static_cast<uint32_t>(limit + 1 - size) & mask);
  }
  static uint32_t alignment_mask(uint64_t size) {
    return static_cast<uint32_t>(std::bit_ceil(uint64_t{static_cast<uint32_t>(size)})) - 1;
  }
};

}  // namespace iommulab
