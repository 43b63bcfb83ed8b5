// SPDX-License-Identifier: GPL-2.0-only
//
// Contiguous addresses for rings: each processor takes windows of address space from a base
// allocator and hands out their slots one after the other, round and round.
//
// Source: the idea of rIOMMU (Malka, Amit, Ben-Yehuda, Tsafrir, "rIOMMU: Efficient IOMMU for I/O
// Devices that Employ Ring Buffers", ASPLOS'15), where a ring's addresses are the slots of a flat
// table that is filled at its tail; there it is hardware, here it is only the addresses. That
// processors should have addresses of their own is from Peleg, Morrison, Schuster, Tsafrir,
// "Utilizing the IOMMU Scalably", ATC'15.
//
// alloc_fast() has a ring for each processor and each size 1, 2, 4 ... 32, rounded up. Its current
// window of 8192 frames gives the next slot, or the next free one of the 64 to 128 slots from
// there. When those are all in use, another window of the ring takes its place, or a new one, up
// to four. Windows lie below 4 GiB as long as there is room, so that they serve any limit from
// there on. All else, and alloc(), is the base's (gap_tree32). A window that has become empty goes
// back to the base unless it is its ring's current one; those go when the base has no room and the
// caller wants caches flushed.
//
// Invariants: a window is a range in use of the base, on a list of its ring, and in the table.
// Complexity: alloc_fast() and free_fast() O(1), with one lock that other processors seldom want;
// freed on another processor, a second lock for the look-up. Neighbours in time are neighbours in
// address: 512 slots share a last-level page table.
// Not good at: address space. A processor that uses all sizes holds 192 MiB at least, of a 32-bit
// space that all devices of a domain share, and one slot in use keeps a window; requests then fail
// though most of the space is idle. Limits below 4 GiB bypass the rings. 1.1 KiB a window,
// whatever is in use.
// find() and ranges() show windows, not slots.
//
// Locking: each ring has a lock, the table has one, the base has its own; in this order. Rings'
// locks are never held two at a time.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "iova/lab/host.h"
#include "iova/lab/node_pool.h"
#include "iova/rivals/gap_tree.h"
#include "iova/rivals/ring_window.h"

namespace iommulab {

template <class Host>
class per_ring {
 public:
  static constexpr unsigned orders = 6;  ///< slots of 1 to 32 frames
  static constexpr unsigned most_windows = 4;

  per_ring(Host& host, const iova_space& space, unsigned cpus)
      : last_32bit_pfn_(space.last_32bit_pfn),
        failures_(host.failures),
        base_(host, space, cpus),
        windows_(host.failures),
        ring_count_(size_t{cpus} * orders) {
    if (failures_ == nullptr || !failures_->should_fail()) {
      rings_ = std::make_unique<ring[]>(ring_count_);
    }
  }
  per_ring(const per_ring&) = delete;
  per_ring& operator=(const per_ring&) = delete;
  ~per_ring() {
    if (rings_ == nullptr) return;
    for (size_t i = 0; i < ring_count_; ++i) {
      ring& r = rings_[i];
      const lab_guard guard(r.lock, r.counts);
      while (r.current != nullptr) release(r, &r.current);
    }
    if (failures_ != nullptr) failures_->freed();
  }

  [[nodiscard]] bool usable() const { return rings_ != nullptr && base_.usable(); }

  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) {
    return base_.alloc(size, limit_pfn, size_aligned);
  }
  void free(iova_grant grant, uint64_t size) { base_.free(grant, size); }

  uint64_t alloc_fast(unsigned cpu, uint64_t size, uint64_t limit_pfn, bool flush) {
    if (size - 1 < uint64_t{1} << (orders - 1)) [[likely]] {
      const auto order = static_cast<unsigned>(std::bit_width(size - 1));
      ring& r = rings_[ring_of(cpu, order)];
      const lab_guard guard(r.lock, r.counts);
      const uint64_t lo = take(r, cpu, order, limit_pfn);
      if (lo != no_iova) [[likely]] {
        r.counts.cache_hit();
        return lo;
      }
      r.counts.cache_missed();
    }
    const iova_grant grant = base_.alloc(size, limit_pfn, true);
    if (grant || !flush) return grant.pfn_lo;
    release_idle();
    return base_.alloc(size, limit_pfn, true).pfn_lo;
  }
  void free_fast(unsigned cpu, uint64_t pfn_lo, uint64_t size) {
    if (size - 1 < uint64_t{1} << (orders - 1)) [[likely]] {
      const auto order = static_cast<unsigned>(std::bit_width(size - 1));
      ring& own = rings_[ring_of(cpu, order)];
      const lab_guard guard(own.lock, own.counts);
      if (own.current != nullptr && pfn_lo - own.current->lo < ring_window::frames) [[likely]] {
        own.current->give_back(pfn_lo);
        return;
      }
    }
    if (!free_elsewhere(pfn_lo)) base_.free_fast(cpu, pfn_lo, size);
  }

  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) { return base_.reserve(pfn_lo, pfn_hi); }
  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const { return base_.find(frame); }
  template <class F>
  void for_each(F f) const {
    base_.for_each(f);
  }

  [[nodiscard]] iova_counters counters() const {
    iova_counters all = base_.counters();
    for (size_t i = 0; i < ring_count_; ++i) {
      ring& r = rings_[i];
      const lab_guard guard(r.lock, r.counts);
      r.counts.add_to(all);
    }
    all.nodes += windows_.live();
    all.node_bytes +=
        windows_.live() * sizeof(ring_window) + ring_count_ * sizeof(ring) + sizeof(window_table);
    return all;
  }

 private:
  struct alignas(64) ring {
    typename Host::lock_type lock;
    [[no_unique_address]] typename Host::counts_type counts;
    ring_window* current ABSL_GUARDED_BY(lock) = nullptr;  // its list goes on with the others
    unsigned windows ABSL_GUARDED_BY(lock) = 0;
  };

  static size_t ring_of(unsigned cpu, unsigned order) { return size_t{cpu} * orders + order; }

  uint64_t take(ring& r, unsigned cpu, unsigned order, uint64_t limit_pfn)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(r.lock) {
    if (r.current != nullptr && r.current->hi() <= limit_pfn) [[likely]] {
      const uint64_t lo = r.current->take();
      if (lo != no_iova) [[likely]]
        return lo;
    }
    if (limit_pfn < last_32bit_pfn_ || !next_window(r, cpu, order, limit_pfn)) return no_iova;
    return r.current->take();
  }

  // Makes a window current whose next slots are free: one that is half empty, or a new one.
  bool next_window(ring& r, unsigned cpu, unsigned order, uint64_t limit_pfn)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(r.lock) {
    for (ring_window** at = &r.current; *at != nullptr; at = &(*at)->next_in_ring) {
      ring_window* window = *at;
      if (window->in_use > window->slots() / 2 || window->hi() > limit_pfn) continue;
      if (!head_to_free(*window)) continue;
      *at = window->next_in_ring;
      window->next_in_ring = r.current;
      r.current = window;
      return true;
    }
    if (r.windows == most_windows) return false;
    iova_grant range = base_.alloc(ring_window::frames, last_32bit_pfn_, true);
    if (!range) range = base_.alloc(ring_window::frames, limit_pfn, true);
    if (!range) return false;
    ring_window* window = windows_.make(range.pfn_lo, order, ring_of(cpu, order));
    if (window == nullptr) {
      base_.free(range, ring_window::frames);
      return false;
    }
    window->next_in_ring = r.current;
    r.current = window;
    ++r.windows;
    const lab_guard guard(table_lock_, table_counts_);
    table_.add(window);
    return true;
  }
  static bool head_to_free(ring_window& window) {
    for (uint32_t i = 0; i < window.words(); ++i) {
      if (window.free[i] == 0) continue;
      window.head = i * 64;
      return true;
    }
    return false;
  }

  // Not in this processor's current window: perhaps in another. False: in none.
  bool free_elsewhere(uint64_t pfn_lo) {
    ring_window* window = nullptr;
    {
      const lab_guard guard(table_lock_, table_counts_);
      window = table_.find(pfn_lo);
    }
    if (window == nullptr) return false;
    // It cannot go meanwhile: a slot is in use.
    ring& owner = rings_[window->ring];
    const lab_guard guard(owner.lock, owner.counts);
    window->give_back(pfn_lo);
    if (window->in_use == 0 && window != owner.current) {
      ring_window** at = &owner.current;
      while (*at != window) at = &(*at)->next_in_ring;
      release(owner, at);
    }
    return true;
  }
  void release(ring& r, ring_window** at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(r.lock) {
    ring_window* gone = *at;
    *at = gone->next_in_ring;
    --r.windows;
    {
      const lab_guard guard(table_lock_, table_counts_);
      table_.remove(gone);
    }
    base_.free({gone->lo, nullptr}, ring_window::frames);
    windows_.destroy(gone);
  }
  void release_idle() {
    for (size_t i = 0; i < ring_count_; ++i) {
      ring& r = rings_[i];
      const lab_guard guard(r.lock, r.counts);
      if (r.current != nullptr && r.current->in_use == 0) release(r, &r.current);
    }
  }

  const uint64_t last_32bit_pfn_;
  slab_failures* failures_;
  gap_tree32<Host> base_;
  node_pool<ring_window, typename Host::lock_type> windows_;
  mutable typename Host::lock_type table_lock_;
  mutable typename Host::counts_type table_counts_;
  window_table table_ ABSL_GUARDED_BY(table_lock_);
  const size_t ring_count_;
  std::unique_ptr<ring[]> rings_;
};

}  // namespace iommulab
