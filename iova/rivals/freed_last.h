// SPDX-License-Identifier: GPL-2.0-only
//
// The ranges freed last, which an index keeps as if they were in use: rings free a range and ask
// for one of the same size soon after, and then the index need not change at all.
//
// This does not change where a request is placed. A range is taken from here only when it is the
// place that a search from the top would find: see take(). For anything else the owner first lets
// its index forget all of these ranges, and searches.
//
// Complexity: taking is O(1). Adding moves those between the range and the nearer end: none in a
// ring, which frees upward or downward.
// Locking: none; the owner's lock guards it.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "iova/rivals/fit.h"

namespace iommulab {

class freed_last {
 public:
  static constexpr size_t capacity = 64;

  struct entry {
    uint64_t lo;
    uint64_t hi;
    void* node;
  };

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool full() const { return size_ == capacity; }

  /// Not when full().
  void add(uint64_t lo, uint64_t hi, void* node) {
    if (empty()) [[likely]] {
      set(at(0), lo, hi, node);
      size_ = 1;
    } else {
      insert(lo, hi, node);
    }
  }

  /// The range that `request` gets if no other frame from `packed_from` up to the request's limit
  /// is free: the highest one here, if it is in that region, of the very size, and aligned. It is
  /// no longer here then; the pointer is good until the next add(). Null: search.
  [[nodiscard]] const entry* take(const iova_request& request, uint64_t packed_from) {
    if (empty()) return nullptr;
    const entry& highest = at(size_ - 1);
    if (highest.hi - highest.lo + 1 != request.size || highest.hi > request.limit_pfn ||
        highest.lo < packed_from || (highest.lo & request.align_mask) != 0) {
      return nullptr;
    }
    --size_;
    return &highest;
  }

  /// The highest of all, to be forgotten. Not when empty().
  [[nodiscard]] entry take_any() { return at(--size_); }

  [[nodiscard]] bool contains(uint64_t lo) const {
    for (size_t i = 0; i < size_; ++i) {
      if (at(i).lo == lo) return true;
    }
    return false;
  }
  /// The lowest frames of all, ascending.
  [[nodiscard]] std::vector<uint64_t> lowest_frames() const {
    std::vector<uint64_t> all;
    for (size_t i = 0; i < size_; ++i) all.push_back(at(i).lo);
    return all;
  }

 private:
  // One by one: as a struct they would go through memory.
  static void set(entry& e, uint64_t lo, uint64_t hi, void* node) {
    e.lo = lo;
    e.hi = hi;
    e.node = node;
  }
  [[gnu::noinline]] void insert(uint64_t lo, uint64_t hi, void* node) {
    size_t past = 0;  // so many lie between it and the nearer end
    while (past < size_ && lo < at(size_ - 1 - past).lo) {
      if (lo < at(past).lo) {
        --lowest_;
        ++size_;
        for (size_t i = 0; i < past; ++i) at(i) = at(i + 1);
        set(at(past), lo, hi, node);
        return;
      }
      ++past;
    }
    ++size_;
    for (size_t i = size_ - 1; i > size_ - 1 - past; --i) at(i) = at(i - 1);
    set(at(size_ - 1 - past), lo, hi, node);
  }

  static_assert(std::has_single_bit(capacity), "indices wrap");
  [[nodiscard]] entry& at(size_t i) { return ring_[(lowest_ + i) % capacity]; }
  [[nodiscard]] const entry& at(size_t i) const { return ring_[(lowest_ + i) % capacity]; }

  // Kept apart by the ranges: side by side, the two would be read as one vector, which waits for a
  // write of the one to reach the cache.
  size_t lowest_ = 0;  // index of the lowest range; from there they ascend
  std::array<entry, capacity> ring_;
  size_t size_ = 0;
};

}  // namespace iommulab
