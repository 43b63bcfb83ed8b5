// SPDX-License-Identifier: GPL-2.0-only
//
// The free blocks of one zone, kept as a binary buddy system: a free block of order n is 2^n
// pages, aligned to its size, and never stands beside its free buddy (they are one block of
// order n+1 then). Orders go up to max_order.
//
// Deterministic: the smallest order that fits is used, of it the highest block, and of a split
// block the upper half. Not synchronised: its owner is.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>

namespace iommulab {

class buddy {
 public:
  /// Largest block: 1024 pages of 4 KiB, as with the kernel's default MAX_ORDER.
  static constexpr unsigned max_order = 10;

  /// Gives the pages `first` up to `last` (exclusive), none of which is free, to the zone.
  void add(uint64_t first, uint64_t last);

  /// Takes a block of 2^order pages; its first page frame number, or nothing.
  std::optional<uint64_t> take(unsigned order);
  /// Takes the block that begins at `frame`, which must be aligned to it. False, and nothing
  /// changed, when not all of its pages are free.
  bool take_at(uint64_t frame, unsigned order);
  /// Gives a block back and merges it with its buddy as often as that is free.
  void give(uint64_t frame, unsigned order);

  [[nodiscard]] bool is_free(uint64_t frame) const { return containing(frame).has_value(); }
  /// Calls `fn` with the first and one-past-last frame of every free block, in no order.
  template <typename F>
  void for_each_free(F&& fn) const {
    for (unsigned order = 0; order <= max_order; ++order) {
      for (const uint64_t frame : free_[order]) fn(frame, frame + (uint64_t{1} << order));
    }
  }
  /// Free pages, in all orders.
  [[nodiscard]] uint64_t free_pages() const { return free_pages_; }
  [[nodiscard]] uint64_t free_blocks(unsigned order) const { return free_[order].size(); }

 private:
  struct block {
    uint64_t frame;
    unsigned order;
  };
  [[nodiscard]] std::optional<block> containing(uint64_t frame) const;
  void insert(uint64_t frame, unsigned order);
  void erase(uint64_t frame, unsigned order);

  std::array<std::set<uint64_t>, max_order + 1> free_;
  uint64_t free_pages_ = 0;
};

}  // namespace iommulab
