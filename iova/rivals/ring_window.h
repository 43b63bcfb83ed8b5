// SPDX-License-Identifier: GPL-2.0-only
//
// A window of contiguous addresses of which a ring hands out slots in order (rivals/per_ring.h).
//
// Invariant: a bit of `free` is set for each slot that is not handed out; the search for the next
// one begins at `head`.
// Locking: the owning ring's lock guards all but `lo`, `order` and `ring`, which never change, and
// `next_in_bucket`, which belongs to the window_table.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "iova/lab/allocator.h"

namespace iommulab {

struct ring_window {
  static constexpr unsigned frames_order = 13;  ///< 32 MiB of 4 KiB frames
  static constexpr uint64_t frames = uint64_t{1} << frames_order;

  uint64_t lo;        ///< a multiple of `frames`
  unsigned order;     ///< 2^order frames a slot
  size_t ring;        ///< the owner's index
  uint32_t head = 0;  ///< the slot to hand out next
  uint32_t in_use = 0;
  ring_window* next_in_ring = nullptr;
  ring_window* next_in_bucket = nullptr;
  std::array<uint64_t, frames / 64> free{};

  ring_window(uint64_t first_frame, unsigned slot_order, size_t owner)
      : lo(first_frame), order(slot_order), ring(owner) {
    for (uint32_t i = 0; i < words(); ++i) free[i] = ~uint64_t{0};
  }

  [[nodiscard]] uint32_t slots() const { return uint32_t{frames} >> order; }
  [[nodiscard]] uint32_t words() const { return slots() / 64; }
  [[nodiscard]] uint64_t hi() const { return lo + frames - 1; }

  /// The first free slot from `head` on, in its word of 64 or the next. no_iova: both are in use,
  /// as when the ring has come round to ranges that are not freed yet.
  uint64_t take() {
    uint32_t word = head / 64;
    uint64_t here = free[word] & (~uint64_t{0} << (head % 64));
    if (here == 0) [[unlikely]] {
      word = word + 1 == words() ? 0 : word + 1;
      here = free[word];
      if (here == 0) return no_iova;
    }
    const auto bit = static_cast<uint32_t>(std::countr_zero(here));
    const uint32_t slot = word * 64 + bit;
    free[word] ^= uint64_t{1} << bit;
    head = slot + 1 == slots() ? 0 : slot + 1;
    ++in_use;
    return lo + (uint64_t{slot} << order);
  }
  void give_back(uint64_t frame) {
    const uint64_t slot = (frame - lo) >> order;
    free[slot / 64] |= uint64_t{1} << (slot % 64);
    --in_use;
  }
};

/// Every window, by its frames. Not locked.
class window_table {
 public:
  void add(ring_window* window) {
    ring_window*& bucket = buckets_[bucket_of(window->lo)];
    window->next_in_bucket = bucket;
    bucket = window;
  }
  void remove(ring_window* window) {
    ring_window** at = &buckets_[bucket_of(window->lo)];
    while (*at != window) at = &(*at)->next_in_bucket;
    *at = window->next_in_bucket;
  }
  /// The window that `frame` lies in, or null.
  [[nodiscard]] ring_window* find(uint64_t frame) const {
    const uint64_t lo = frame >> ring_window::frames_order << ring_window::frames_order;
    ring_window* at = buckets_[bucket_of(lo)];
    while (at != nullptr && at->lo != lo) at = at->next_in_bucket;
    return at;
  }

 private:
  static size_t bucket_of(uint64_t lo) { return (lo >> ring_window::frames_order) % 256; }

  std::array<ring_window*, 256> buckets_{};
};

}  // namespace iommulab
