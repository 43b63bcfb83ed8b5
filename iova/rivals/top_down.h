// SPDX-License-Identifier: GPL-2.0-only
//
// The engine of the allocators that place a request at the highest address where it fits, by an
// index of the ranges in use that knows its gaps. A request fails only when it fits nowhere (or
// when memory runs out). A reservation may be several ranges, where some were in use in its midst.
//
// With `hints`, what the kernel's cached nodes make cheap is cheap, and placement is the same:
// - A *fence* is the range from which upward, to a limit, every frame is in use; the gap below it
//   is tried first, in O(1). One fence for the 32-bit limit, one for the limit that was asked for
//   last apart from that.
// - Ranges freed last stay in the index until something else is asked for than they
//   (rivals/freed_last.h): a ring, or a pair of alloc and free, does not touch the index.
//
// An Index names its ranges by cursors. The highest range is an anchor at no_iova that never goes,
// and each range has the gap below it: from gap_begin() to its lowest frame, less one.
//   cursor anchor(), first(), next(cursor), not_below(frame); bool is_anchor(cursor)
//   iova_range range(cursor); uint64_t gap_begin(cursor)
//   cursor follow(cursor, lo)          to where the range that begins at lo is now
//   void* handle(cursor); cursor from_handle(void* or null, lo)
//   cursor highest_fit(request, lo&, counts)   null, or what lies above the place found
//   cursor insert_below(cursor above, lo, hi)  the new one; null: no memory, nothing changed
//   cursor erase(cursor)               the one above; needs no memory
//   nodes(), bytes()
//
// Locking: one lock guards all.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "iova/lab/allocator.h"
#include "iova/lab/host.h"
#include "iova/rivals/fit.h"
#include "iova/rivals/freed_last.h"

namespace iommulab {

template <class Host, class Index, bool hints>
class top_down_engine {
 public:
  top_down_engine(Host& host, const iova_space& space, unsigned /*cpus*/)
      : last_32bit_pfn_(space.last_32bit_pfn),
        index_(host.failures, space),
        fences_{{{space.last_32bit_pfn, no_iova, index_.anchor()},
                 {no_iova, no_iova, index_.anchor()}}} {}
  top_down_engine(const top_down_engine&) = delete;
  top_down_engine& operator=(const top_down_engine&) = delete;
  ~top_down_engine() = default;

  [[nodiscard]] bool usable() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return index_.usable(); }

  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) {
    if (!iova_request::possible(size)) return {};
    const auto request = iova_request::of(size, limit_pfn, size_aligned);
    const lab_guard guard(lock_, counts_);
    counts_.search_begins();
    iova_grant grant;
    if constexpr (hints) {
      fence& packed = fence_for(limit_pfn);
      counts_.node_visited();
      if (const freed_last::entry* again = freed_.take(request, packed.from)) {
        grant = {again->lo, again->node};
      } else {
        grant = alloc_at_fence(request, packed);
      }
    } else {
      uint64_t lo = no_iova;
      const cursor above = index_.highest_fit(request, lo, counts_);
      if (above) grant = granted(index_.insert_below(above, lo, lo + size - 1));
    }
    counts_.search_ends();
    return grant;
  }
  void free(iova_grant grant, uint64_t size) {
    const lab_guard guard(lock_, counts_);
    if constexpr (hints) {
      if (freed_.full()) [[unlikely]]
        forget_freed();
      freed_.add(grant.pfn_lo, grant.pfn_lo + size - 1, grant.node);
    } else {
      remove(grant.pfn_lo, grant.node);
    }
  }

  uint64_t alloc_fast(unsigned /*cpu*/, uint64_t size, uint64_t limit_pfn, bool /*flush*/) {
    return alloc(size, limit_pfn, true).pfn_lo;
  }
  void free_fast(unsigned /*cpu*/, uint64_t pfn_lo, uint64_t size) {
    free({pfn_lo, nullptr}, size);
  }

  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) {
    if (pfn_lo > pfn_hi) return false;
    const lab_guard guard(lock_, counts_);
    forget_freed();
    std::vector<uint64_t> added;
    while (true) {
      cursor above = index_.not_below(pfn_lo);
      iova_range used = index_.range(above);
      if (used.lo > pfn_lo) {
        if (!index_.insert_below(above, pfn_lo, std::min(pfn_hi, used.lo - 1))) {
          for (const uint64_t lo : added) remove(lo, nullptr);
          return false;
        }
        added.push_back(pfn_lo);
      }
      if (used.hi >= pfn_hi) return true;
      pfn_lo = used.hi + 1;
    }
  }

  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const {
    const lab_guard guard(lock_, counts_);
    const cursor found = index_.not_below(frame);
    const iova_range range = index_.range(found);
    if (range.lo > frame || index_.is_anchor(found) || freed_.contains(range.lo)) {
      return std::nullopt;
    }
    return range;
  }
  template <class F>
  void for_each(F f) const {
    const lab_guard guard(lock_, counts_);
    const std::vector<uint64_t> freed = freed_.lowest_frames();
    auto skip = freed.begin();
    for (cursor c = index_.first(); !index_.is_anchor(c); c = index_.next(c)) {
      const iova_range range = index_.range(c);
      if (skip != freed.end() && *skip == range.lo) {
        ++skip;
      } else {
        f(range);
      }
    }
  }

  [[nodiscard]] iova_counters counters() const {
    const lab_guard guard(lock_, counts_);
    iova_counters all;
    counts_.add_to(all);
    all.nodes = index_.nodes();
    all.node_bytes = index_.bytes() + (hints ? sizeof(freed_) : 0);
    return all;
  }

 private:
  using cursor = typename Index::cursor;

  // Every frame from `from` to the limit is in use, or in freed_. `at` is the range that begins
  // there.
  struct fence {
    uint64_t limit_pfn;
    uint64_t from;
    cursor at;
  };

  // Out of line: rings do not come here, and spilled registers would cost them as much again.
  [[gnu::noinline]] iova_grant alloc_at_fence(iova_request request, fence& packed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    forget_freed();
    cursor above = index_.follow(packed.at, packed.from);
    const uint64_t end = packed.from;
    uint64_t lo = request.place(index_.gap_begin(above), end);
    const bool at_fence = lo != no_iova;
    if (!at_fence) {
      above = index_.highest_fit(request, lo, counts_);
      if (!above) return {};
    }
    const uint64_t hi = lo + request.size - 1;
    const cursor added = index_.insert_below(above, lo, hi);
    if (!added) return {};
    // A single frame is at the highest free frame, wherever it was found.
    if (request.size == 1 || hi == request.limit_pfn || (at_fence && hi == end - 1)) {
      packed.from = lo;
      packed.at = added;
    }
    return granted(added);
  }
  iova_grant granted(cursor added) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    if (!added) return {};
    return {index_.range(added).lo, index_.handle(added)};
  }

  // `handle` is null when the range was given back by its frame alone.
  void remove(uint64_t lo, void* handle) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    const cursor above = index_.erase(index_.from_handle(handle, lo));
    for (fence& f : fences_) {
      if (lo == f.from || (lo > f.from && lo <= f.limit_pfn)) {
        f.from = index_.range(above).lo;
        f.at = above;
      }
    }
  }
  void forget_freed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    while (!freed_.empty()) {
      const freed_last::entry e = freed_.take_any();
      remove(e.lo, e.node);
    }
  }
  fence& fence_for(uint64_t limit_pfn) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    fence& f = fences_[limit_pfn == last_32bit_pfn_ ? 0 : 1];
    if (f.limit_pfn != limit_pfn) f = {limit_pfn, no_iova, index_.anchor()};
    return f;
  }

  const uint64_t last_32bit_pfn_;
  mutable typename Host::lock_type lock_;
  mutable typename Host::counts_type counts_;
  Index index_ ABSL_GUARDED_BY(lock_);
  freed_last freed_ ABSL_GUARDED_BY(lock_);
  std::array<fence, 2> fences_ ABSL_GUARDED_BY(lock_);
};

}  // namespace iommulab
