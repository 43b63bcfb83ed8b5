// SPDX-License-Identifier: GPL-2.0-only
//
// EIOVAR: free lists, one for each size, in front of the kernel's tree as it was then.
//
// Source: Malka, Amit, Tsafrir, "Efficient Intra-Operating System Protection Against Harmful
// DMAs", FAST'15. Devices ask for few sizes, again and again, in rings; so a range that is freed
// serves the next request of its size, and the tree, whose search is linear, is seldom asked.
//
// What is freed stays in the tree and goes to the head of its size's list. A request takes the
// head of its list, if that lies within the request's limit and is aligned as wanted; the rest of
// the list is not looked at. Otherwise the tree is searched, which is 4.4's (rivals include
// iova/linux for this alone): one cached node for the 32-bit limit, a linear search for any other.
//
// Decided here: lists for sizes up to 4096 frames, unbounded; where the tree has no room, or when
// something is reserved, all lists are emptied into it; after that it is searched once more.
//
// Invariants: a range in a list is in the tree, and has the size of its list.
// Complexity: alloc and free O(1) when the list serves; else the tree's, O(n) at worst. free_fast()
// looks the node up: O(log n).
// Not good at: a size that has not been freed before, on a domain that is full of others (O(n), as
// 4.4); sizes that shift over time, as ranges in lists are lost to other sizes until room runs
// out; emptying the lists then takes as long as they are, under the lock. 64 bytes a range in use,
// 80 in a list. Placement is the tree's, or that of what was freed last. A request can fail though
// it would fit: 4.4's search does not look above its cached node again.
//
// Locking: one lock guards tree and lists.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "iova/lab/allocator.h"
#include "iova/lab/host.h"
#include "iova/lab/node_pool.h"
#include "iova/linux/cached32_search.h"
#include "iova/linux/searched_tree.h"
#include "iova/rivals/fit.h"

namespace iommulab {

template <class Host>
class eiovar {
 public:
  static constexpr uint64_t largest_listed = 4096;  ///< frames; larger ranges go to the tree

  eiovar(Host& host, const iova_space& space, unsigned /*cpus*/)
      : env_{{}, node_pool<iova, no_lock>(host.failures), {}}, links_(host.failures) {
    ranges_.init(space);
  }
  eiovar(const eiovar&) = delete;
  eiovar& operator=(const eiovar&) = delete;
  ~eiovar() {
    empty_lists();
    ranges_.free_all(env_);
  }

  [[nodiscard]] bool usable() const { return true; }

  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) {
    if (!iova_request::possible(size)) return {};
    const auto request = iova_request::of(size, limit_pfn, size_aligned);
    const lab_guard guard(lock_, env_.counts);
    if (iova* freed = take_listed(request)) {
      env_.counts.cache_hit();
      return {freed->pfn_lo, freed};
    }
    env_.counts.cache_missed();
    const iova_room room = room_in_tree(request, size_aligned);
    iova* added = room ? env_.nodes.make() : nullptr;
    if (added == nullptr) return {};
    ranges_.insert(env_, room, size, limit_pfn, *added);
    return {room.pfn_lo, added};
  }
  void free(iova_grant grant, uint64_t /*size*/) {
    const lab_guard guard(lock_, env_.counts);
    list(*static_cast<iova*>(grant.node));
  }

  uint64_t alloc_fast(unsigned /*cpu*/, uint64_t size, uint64_t limit_pfn, bool /*flush*/) {
    return alloc(size, limit_pfn, true).pfn_lo;
  }
  void free_fast(unsigned /*cpu*/, uint64_t pfn_lo, uint64_t /*size*/) {
    const lab_guard guard(lock_, env_.counts);
    if (iova* freed = ranges_.tree.find(pfn_lo)) list(*freed);
  }

  /// False when a part is in use: the kernel's tree would widen that range instead, which its
  /// owner frees some day.
  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) {
    if (pfn_lo > pfn_hi) return false;
    const lab_guard guard(lock_, env_.counts);
    empty_lists();
    if (ranges_.tree.lowest_reaching(pfn_lo)->pfn_lo <= pfn_hi) return false;
    return ranges_.reserve(env_, pfn_lo, pfn_hi) != nullptr;
  }

  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const {
    const lab_guard guard(lock_, env_.counts);
    const iova* found = ranges_.tree.find(frame);
    if (found == nullptr) return std::nullopt;
    return iova_range{found->pfn_lo, found->pfn_hi};
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
    all.node_bytes = all.nodes * sizeof(iova) + links_.live() * sizeof(link) + sizeof(lists_);
    return all;
  }

 private:
  struct link {
    iova* range;
    link* next;
  };
  // searched_tree's environment: nodes from the pool, nothing traced.
  struct environment : untraced_calls {
    node_pool<iova, no_lock> nodes;
    [[no_unique_address]] typename Host::counts_type counts;

    iova* alloc_iova_mem() { return nodes.make(); }
    void free_iova_mem(iova* node) { nodes.destroy(node); }
  };

  iova* take_listed(const iova_request& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    if (request.size > largest_listed) return nullptr;
    link*& head = lists_[request.size];
    if (head == nullptr || head->range->pfn_hi > request.limit_pfn ||
        (head->range->pfn_lo & request.align_mask) != 0) {
      return nullptr;
    }
    link* taken = head;
    iova* range = taken->range;
    head = taken->next;
    links_.destroy(taken);
    return range;
  }
  void list(iova& freed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    const uint64_t size = freed.pfn_hi - freed.pfn_lo + 1;
    link* added = size <= largest_listed ? links_.make() : nullptr;
    if (added == nullptr) {
      remove(freed);
      return;
    }
    added->range = &freed;
    added->next = lists_[size];
    lists_[size] = added;
  }
  void remove(iova& removed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    ranges_.remove(env_, removed);
    env_.nodes.destroy(&removed);
  }
  void empty_lists() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    if (links_.live() == 0) return;
    for (link*& head : lists_) {
      while (head != nullptr) {
        link* gone = head;
        head = gone->next;
        remove(*gone->range);
        links_.destroy(gone);
      }
    }
  }
  iova_room room_in_tree(const iova_request& request, bool size_aligned)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    const iova_room room = ranges_.find_room(env_, request.size, request.limit_pfn, size_aligned);
    if (room || links_.live() == 0) return room;
    empty_lists();
    return ranges_.find_room(env_, request.size, request.limit_pfn, size_aligned);
  }

  mutable typename Host::lock_type lock_;
  mutable environment env_;  // lock_ guards it; lab_guard gets its counts before it holds that
  mutable searched_tree<cached32_search> ranges_
      ABSL_GUARDED_BY(lock_);  // looking up writes nothing
  node_pool<link, no_lock> links_ ABSL_GUARDED_BY(lock_);
  std::array<link*, largest_listed + 1> lists_ ABSL_GUARDED_BY(lock_){};  // by size
};

}  // namespace iommulab
