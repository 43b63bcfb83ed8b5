// SPDX-License-Identifier: GPL-2.0-only
//
// A buddy allocator over a bitmap of frames, with summaries.
//
// Source: Knowlton, "A fast storage allocator", CACM 8(10), 1965, for buddies; the form with
// bitmaps instead of lists is folklore. For IOVAs it is what most comes to mind: sizes are rounded
// up to powers of two and aligned anyway.
//
// A request takes the highest free block of 2^k frames, k the size rounded up, that lies below the
// limit. Of that block only the frames asked for are marked, from its beginning, so that the rest
// serves smaller requests; the block need only be free as a whole when it is taken. Reservations
// are marked frame by frame. Maps: rivals/buddy_map.h.
//
// Complexity: O(levels) for all, 4 levels for 48 bits of address; there is no depth that grows with
// the number of ranges, and no fast path either.
// Places at the highest address where a power of two of frames, aligned, fits, and then fails only
// when it fits nowhere. Other sizes, and requests without alignment, get the place of the power of
// two above: they may fail though they would fit.
// Not good at: rings, which cost as much as anything else; sparse ranges, each of which may take a
// leaf and nodes above of its own (4 KiB in 48 bits), where dense ones take 0.3 bytes a frame.
// Frames from 2^60 on are never given out, nor reserved.
//
// Locking: one lock guards all.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "iova/lab/host.h"
#include "iova/rivals/buddy_map.h"
#include "iova/rivals/fit.h"

namespace iommulab {

template <class Host>
class buddy {
 public:
  buddy(Host& host, const iova_space& space, unsigned /*cpus*/)
      : start_pfn_(space.start_pfn), map_(host.failures) {}
  buddy(const buddy&) = delete;
  buddy& operator=(const buddy&) = delete;
  ~buddy() = default;

  [[nodiscard]] bool usable() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return map_.usable(); }

  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool /*size_aligned*/) {
    limit_pfn = std::min(limit_pfn, buddy_map::last_frame);
    if (!iova_request::possible(size)) return {};
    const lab_guard guard(lock_, counts_);
    counts_.search_begins();
    const uint64_t lo = alloc_locked(size, limit_pfn);
    counts_.search_ends();
    return {lo, nullptr};
  }
  void free(iova_grant grant, uint64_t size) {
    const lab_guard guard(lock_, counts_);
    map_.unmark(grant.pfn_lo, grant.pfn_lo + size - 1);
  }

  uint64_t alloc_fast(unsigned /*cpu*/, uint64_t size, uint64_t limit_pfn, bool /*flush*/) {
    return alloc(size, limit_pfn, true).pfn_lo;
  }
  void free_fast(unsigned /*cpu*/, uint64_t pfn_lo, uint64_t size) {
    free({pfn_lo, nullptr}, size);
  }

  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) {
    if (pfn_lo > pfn_hi || pfn_hi > buddy_map::last_frame) return false;
    const lab_guard guard(lock_, counts_);
    if (!map_.cover(pfn_hi)) return false;
    std::vector<iova_range> marked;
    while (pfn_lo <= pfn_hi) {
      if (!map_.is_free(pfn_lo)) {
        pfn_lo = map_.next_free_or_start(pfn_lo + 1);  // no_iova: in use to the end
        continue;
      }
      // What follows free frames is the beginning of a range.
      const iova_range piece{pfn_lo, std::min(pfn_hi, map_.next_start(pfn_lo) - 1)};
      if (!map_.mark(piece.lo, piece.hi)) {
        for (const iova_range& undone : marked) map_.unmark(undone.lo, undone.hi);
        return false;
      }
      marked.push_back(piece);
      pfn_lo = piece.hi + 1;
    }
    return true;
  }

  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const {
    const lab_guard guard(lock_, counts_);
    if (frame > map_.last_covered() || map_.is_free(frame)) return std::nullopt;
    return range_from(map_.previous_start(frame));
  }
  template <class F>
  void for_each(F f) const {
    const lab_guard guard(lock_, counts_);
    uint64_t next = map_.next_start(0);
    while (next != no_iova) {
      const iova_range range = range_from(next);
      f(range);
      next = range.hi == map_.last_covered() ? no_iova : map_.next_start(range.hi + 1);
    }
  }

  [[nodiscard]] iova_counters counters() const {
    const lab_guard guard(lock_, counts_);
    iova_counters all;
    counts_.add_to(all);
    all.nodes = map_.nodes();
    all.node_bytes = map_.bytes();
    return all;
  }

 private:
  uint64_t alloc_locked(uint64_t size, uint64_t limit_pfn) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    if (!map_.cover(limit_pfn)) return no_iova;
    const auto order = static_cast<unsigned>(std::bit_width(size - 1));
    const uint64_t lo = map_.highest_block(order, limit_pfn, counts_);
    // Nothing lies above the highest block, so when it begins too low, no other does better.
    if (lo == no_iova || lo < start_pfn_ || !map_.mark(lo, lo + size - 1)) return no_iova;
    return lo;
  }
  [[nodiscard]] iova_range range_from(uint64_t lo) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    if (lo == map_.last_covered()) return {lo, lo};
    return {lo, std::min(map_.next_free_or_start(lo + 1) - 1, map_.last_covered())};
  }

  const uint64_t start_pfn_;
  mutable typename Host::lock_type lock_;
  mutable typename Host::counts_type counts_;
  buddy_map map_ ABSL_GUARDED_BY(lock_);
};

}  // namespace iommulab
