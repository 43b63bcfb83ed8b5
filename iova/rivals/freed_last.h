// SPDX-License-Identifier: GPL-2.0-or-later
//
// The ranges freed last, which an index keeps as if they were in use: rings free a range and ask
// for one of the same size soon after, and then the index need not change at all.
//
// This does not change where a request is placed. A range is taken from here only when it is the
// place that a search from the top would find: see take(). For anything else the owner first lets
// its index forget all of these ranges, and searches.
//
// Complexity: O(1) for a ring that frees downward, as one that was filled from the top does;
// O(log capacity) in any other order.
// Locking: none; the owner's lock guards it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "iova/lab/range.h"
#include "iova/rivals/fit.h"

namespace iommulab {

class freed_last {
 public:
  static constexpr size_t capacity = 64;

  struct entry {
    iova_range range;
    void* node;
  };

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool full() const { return size_ == capacity; }

  /// Not when full().
  void add(const iova_range& range, void* node) {
    heap_[size_++] = {range, node};
    if (size_ > 1) std::push_heap(heap_.begin(), end(), lower);
  }

  /// The range that `request` gets if no other frame from `packed_from` up to the request's limit
  /// is free: the highest one here, if it is in that region, of the very size, and aligned. It is
  /// no longer here then; the pointer is good until the next add(). Null: search.
  [[nodiscard]] const entry* take(const iova_request& request, uint64_t packed_from) {
    if (empty()) return nullptr;
    const iova_range& top = heap_[0].range;
    if (top.hi - top.lo + 1 != request.size || top.hi > request.limit_pfn || top.lo < packed_from ||
        (top.lo & request.align_mask) != 0) {
      return nullptr;
    }
    if (size_ > 1) std::pop_heap(heap_.begin(), end(), lower);  // it goes to the end
    return &heap_[--size_];
  }

  /// Calls f(entry) for each, in any order, and is empty then.
  template <class F>
  void drain(F f) {
    while (size_ != 0) f(heap_[--size_]);
  }

  [[nodiscard]] bool contains(uint64_t lo) const {
    return std::any_of(heap_.begin(), end(), [lo](const entry& e) { return e.range.lo == lo; });
  }
  /// The lowest frames of all, ascending.
  [[nodiscard]] std::vector<uint64_t> sorted() const {
    std::vector<uint64_t> all;
    std::for_each(heap_.begin(), end(), [&all](const entry& e) { all.push_back(e.range.lo); });
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  using heap = std::array<entry, capacity>;
  [[nodiscard]] heap::const_iterator end() const {
    return heap_.begin() + static_cast<std::ptrdiff_t>(size_);
  }
  [[nodiscard]] heap::iterator end() { return heap_.begin() + static_cast<std::ptrdiff_t>(size_); }
  static bool lower(const entry& a, const entry& b) { return a.range.lo < b.range.lo; }

  size_t size_ = 0;
  heap heap_;  // the highest range first
};

}  // namespace iommulab
