// SPDX-License-Identifier: GPL-2.0-only
//
// A tree of ranges together with a way to look for room in it (cached32_search.h,
// anchor_search.h): what every version of the kernel's iova.c does under its tree lock.
//
// Where the nodes come from, what is counted and what is traced is the environment's:
//
//   iova* alloc_iova_mem();          // null: no memory
//   void free_iova_mem(iova* node);
//   counts;                          // as lab/host.h
//   call("__free_iova", IOMMULAB_VALUES({"lo", lo}))   // marks the ported function while it lives
//   result(value)                    // what that function returns, see tracer::result()
//   follows_calls();                 // whether somebody hears of them
//
// Locking: the caller holds the lock of tree and search throughout.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "core/trace.h"
#include "iova/lab/range.h"
#include "iova/linux/range_tree.h"

namespace iommulab {

/// The environment's part of who traces nothing.
struct untraced_calls {
  struct unmarked {
    template <typename T, typename... Told>
    static T result(T value, const Told&... /*told*/) {
      return value;
    }
  };

  template <typename Arguments>
  static unmarked call(std::string_view /*function*/, const Arguments& /*arguments*/) {
    return {};
  }
  static constexpr bool follows_calls() { return false; }
  static void search_ended_at_frame_0() {}
};

template <class Search>
struct searched_tree {
  range_tree tree;
  Search search;

  void init(const iova_space& space) { search.init(tree, space); }

  template <class Environment>
  iova_room find_room(Environment& env, uint64_t size, uint64_t limit_pfn, bool size_aligned) {
    return search.find_room(env, tree, size, limit_pfn, size_aligned);
  }
  // Linux v4.4 drivers/iommu/iova.c: __alloc_and_insert_iova_range(), once there is room.
  template <class Environment>
  void insert(Environment& env, const iova_room& room, uint64_t size, uint64_t limit_pfn,
              iova& added) {
    added.pfn_lo = room.pfn_lo;
    added.pfn_hi = room.pfn_lo + size - 1;
    tree.insert_below(*room.above, added);
    search.insert_update(env, limit_pfn, added);
  }

  // Linux v6.1 drivers/iommu/iova.c: remove_iova(). The node is the caller's then.
  template <class Environment>
  void remove(Environment& env, iova& removed) {
    search.delete_update(env, tree, removed);
    tree.erase(removed);
  }

  // Linux v4.4 drivers/iommu/iova.c: reserve_iova(). The node that ends up covering the end of
  // the range: a new one, or an older one, widened downward or as it was. Null: no memory. The
  // kernel asks every node from the lowest on. What ends below the range is passed over there, and
  // here it is left out, unless somebody hears of the questions.
  template <class Environment>
  iova* reserve(Environment& env, uint64_t pfn_lo, uint64_t pfn_hi) {
    bool overlapped = false;
    iova* at = env.follows_calls() ? tree.first() : tree.lowest_reaching(pfn_lo);
    for (; at != tree.anchor(); at = at->next) {
      if (is_range_overlap(env, *at, pfn_lo, pfn_hi)) {
        adjust_overlap_range(env, *at, pfn_lo, pfn_hi);
        if (pfn_lo >= at->pfn_lo && pfn_hi <= at->pfn_hi) return at;
        overlapped = true;
      } else if (overlapped) {
        break;
      }
    }
    return insert_new_range(env, pfn_lo, pfn_hi);
  }

  // Linux v4.4 drivers/iommu/iova.c: split_and_remove_iova(). Cuts pfn_lo to pfn_hi, which lie in
  // `range`, out of the tree; what is left on either side stays as a node of its own. Returns
  // `range`, shrunk and the caller's; null, and nothing changed, when there is no memory.
  template <class Environment>
  iova* split_and_remove(Environment& env, iova& range, uint64_t pfn_lo, uint64_t pfn_hi) {
    iova* before = nullptr;
    iova* after = nullptr;
    if (range.pfn_lo < pfn_lo) {
      before = alloc_and_init_iova(env, range.pfn_lo, pfn_lo - 1);
      if (before == nullptr) return nullptr;
    }
    if (range.pfn_hi > pfn_hi) {
      after = alloc_and_init_iova(env, pfn_hi + 1, range.pfn_hi);
      if (after == nullptr) {
        if (before != nullptr) env.free_iova_mem(before);
        return nullptr;
      }
    }
    remove(env, range);
    if (before != nullptr) {
      insert(env, *before);
      range.pfn_lo = pfn_lo;
    }
    if (after != nullptr) {
      insert(env, *after);
      range.pfn_hi = pfn_hi;
    }
    return &range;
  }

  // Linux v4.4 drivers/iommu/iova.c: put_iova_domain(), the part that frees the nodes.
  template <class Environment>
  void free_all(Environment& env) {
    iova* at = tree.first();
    tree.forget_all();
    search.forget_all(tree);
    while (at != tree.anchor()) {
      iova* freed = at;
      at = at->next;
      env.free_iova_mem(freed);
    }
  }

 private:
  // Linux v4.4 drivers/iommu/iova.c: iova_insert_rbtree()
  template <class Environment>
  void insert(Environment& env, iova& added) {
    [[maybe_unused]] const auto this_call =
        env.call("iova_insert_rbtree", IOMMULAB_VALUES({"lo", added.pfn_lo}, {"hi", added.pfn_hi}));
    tree.insert(added);
  }

  // Linux v4.4 drivers/iommu/iova.c: alloc_and_init_iova()
  template <class Environment>
  static iova* alloc_and_init_iova(Environment& env, uint64_t pfn_lo, uint64_t pfn_hi) {
    iova* range = env.alloc_iova_mem();
    if (range != nullptr) {
      range->pfn_lo = pfn_lo;
      range->pfn_hi = pfn_hi;
    }
    return range;
  }

  // Linux v4.4 drivers/iommu/iova.c: __is_range_overlap()
  template <class Environment>
  static bool is_range_overlap(Environment& env, const iova& range, uint64_t pfn_lo,
                               uint64_t pfn_hi) {
    [[maybe_unused]] const auto this_call =
        env.call("__is_range_overlap", IOMMULAB_VALUES({"lo", range.pfn_lo}, {"hi", range.pfn_hi},
                                                       {"pfn_lo", pfn_lo}, {"pfn_hi", pfn_hi}));
    return this_call.result(pfn_lo <= range.pfn_hi && pfn_hi >= range.pfn_lo);
  }

  // Linux v4.4 drivers/iommu/iova.c: __adjust_overlap_range(). Widens `range` downward to pfn_lo,
  // and moves pfn_lo up to what `range` leaves uncovered.
  template <class Environment>
  static void adjust_overlap_range(Environment& env, iova& range, uint64_t& pfn_lo,
                                   uint64_t pfn_hi) {
    [[maybe_unused]] const auto this_call = env.call(
        "__adjust_overlap_range", IOMMULAB_VALUES({"lo", range.pfn_lo}, {"hi", range.pfn_hi},
                                                  {"pfn_lo", pfn_lo}, {"pfn_hi", pfn_hi}));
    range.pfn_lo = std::min(range.pfn_lo, pfn_lo);
    if (pfn_hi > range.pfn_hi) pfn_lo = range.pfn_hi + 1;
  }

  // Linux v4.4 drivers/iommu/iova.c: __insert_new_range()
  template <class Environment>
  iova* insert_new_range(Environment& env, uint64_t pfn_lo, uint64_t pfn_hi) {
    [[maybe_unused]] const auto this_call =
        env.call("__insert_new_range", IOMMULAB_VALUES({"pfn_lo", pfn_lo}, {"pfn_hi", pfn_hi}));
    iova* range = alloc_and_init_iova(env, pfn_lo, pfn_hi);
    if (range != nullptr) insert(env, *range);
    return this_call.result(range);
  }
};

}  // namespace iommulab
