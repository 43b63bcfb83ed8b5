// SPDX-License-Identifier: GPL-2.0-only
//
// The nodes of a maple tree (rivals/maple_tree.h): whole cache lines, filled with as much as fits.
//
// Entries and children stand in descending order of address, because allocation goes downward: the
// next range goes to the end. A node's interval is what lies between the ranges on either side of
// its own: from the end of the next lower range up to its highest range. So each gap lies in the
// node that holds the range above it.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "iova/rivals/fit.h"

namespace iommulab {

/// What is known of a set of gaps: the length of the largest, and the largest aligned block of
/// 2^order frames that lies in one of them.
struct maple_gaps {
  static constexpr uint64_t counted = uint64_t{1} << 16U;  ///< longer gaps count as that long
  static constexpr uint8_t no_block = 0;                   ///< orders are stored plus one

  uint32_t length = 0;
  uint8_t block = no_block;

  static maple_gaps of(uint64_t begin, uint64_t end) {
    if (begin >= end) return {};
    // A gap of at least 2^k frames contains an aligned block of 2^k frames, or one of half that.
    auto order = static_cast<unsigned>(std::bit_width(end - begin)) - 1;
    const uint64_t mask = (uint64_t{1} << order) - 1;
    const uint64_t aligned = (begin + mask) & ~mask;
    if (aligned < begin || end - aligned <= mask || aligned >= end) --order;
    return {static_cast<uint32_t>(std::min(end - begin, counted)),
            static_cast<uint8_t>(std::min(order + 1, 17U))};
  }
  [[nodiscard]] maple_gaps join(maple_gaps o) const {
    return {std::max(length, o.length), std::max(block, o.block)};
  }
  [[nodiscard]] bool dominates(maple_gaps o) const {
    return length >= o.length && block >= o.block;
  }
  [[nodiscard]] bool exceeds(maple_gaps o) const {
    return (length > o.length || o.length == 0) && (block > o.block || o.block == no_block);
  }
  bool operator==(const maple_gaps&) const = default;
};

/// The least that a set of gaps must have for a request to fit in one of them.
struct maple_need {
  uint32_t length;
  uint8_t block;

  static maple_need of(const iova_request& request) {
    const auto length = static_cast<uint32_t>(std::min(request.size, maple_gaps::counted));
    if (request.align_mask == 0) return {length, maple_gaps::no_block};
    // Of a size between two powers of two, a place contains an aligned block of the lower.
    const auto order = static_cast<unsigned>(std::bit_width(request.size)) - 1;
    return {length, static_cast<uint8_t>(std::min(order + 1, 17U))};
  }
  [[nodiscard]] bool met_by(uint32_t gap_length, uint8_t gap_block) const {
    return gap_length >= length && gap_block >= block;
  }
};

struct maple_inner;

struct maple_node {
  maple_inner* parent = nullptr;
  uint32_t count = 0;
  bool leaf = true;
};

struct alignas(64) maple_leaf : maple_node {
  static constexpr uint32_t capacity = 15;

  uint64_t lo[capacity];
  uint64_t hi[capacity];

  void insert(uint32_t at, uint64_t range_lo, uint64_t range_hi) {
    std::copy_backward(lo + at, lo + count, lo + count + 1);
    std::copy_backward(hi + at, hi + count, hi + count + 1);
    lo[at] = range_lo;
    hi[at] = range_hi;
    ++count;
  }
  void erase(uint32_t at) {
    std::copy(lo + at + 1, lo + count, lo + at);
    std::copy(hi + at + 1, hi + count, hi + at);
    --count;
  }
  /// Entries from `at` on go to the end of `to`.
  void move_tail(uint32_t at, maple_leaf& to) {
    std::copy(lo + at, lo + count, to.lo + to.count);
    std::copy(hi + at, hi + count, to.hi + to.count);
    to.count += count - at;
    count = at;
  }
};
static_assert(sizeof(maple_leaf) == 256, "four cache lines");

struct alignas(64) maple_inner : maple_node {
  static constexpr uint32_t capacity = 23;

  uint64_t floor[capacity];  ///< the lowest frame of each child's interval
  maple_node* child[capacity];
  uint32_t length[capacity];  ///< and the gaps that lie in it
  uint8_t block[capacity];

  [[nodiscard]] maple_gaps gaps(uint32_t at) const { return {length[at], block[at]}; }
  void set_gaps(uint32_t at, maple_gaps gaps) {
    length[at] = gaps.length;
    block[at] = gaps.block;
  }
  [[nodiscard]] maple_gaps all_gaps() const {
    maple_gaps all;
    for (uint32_t i = 0; i < count; ++i) all = all.join(gaps(i));
    return all;
  }
  /// The child whose interval holds `frame`.
  [[nodiscard]] uint32_t slot_for(uint64_t frame) const {
    uint32_t slot = 0;
    while (slot + 1 < count && floor[slot] > frame) ++slot;
    return slot;
  }
  [[nodiscard]] uint32_t slot_of(const maple_node* node) const {
    return static_cast<uint32_t>(std::find(child, child + count, node) - child);
  }
  void insert(uint32_t at, uint64_t child_floor, maple_node* node, maple_gaps child_gaps) {
    std::copy_backward(floor + at, floor + count, floor + count + 1);
    std::copy_backward(child + at, child + count, child + count + 1);
    std::copy_backward(length + at, length + count, length + count + 1);
    std::copy_backward(block + at, block + count, block + count + 1);
    floor[at] = child_floor;
    child[at] = node;
    set_gaps(at, child_gaps);
    node->parent = this;
    ++count;
  }
  void erase(uint32_t at) {
    std::copy(floor + at + 1, floor + count, floor + at);
    std::copy(child + at + 1, child + count, child + at);
    std::copy(length + at + 1, length + count, length + at);
    std::copy(block + at + 1, block + count, block + at);
    --count;
  }
  void move_tail(uint32_t at, maple_inner& to) {
    for (uint32_t i = at; i < count; ++i) to.insert(to.count, floor[i], child[i], gaps(i));
    count = at;
  }
};
static_assert(sizeof(maple_inner) == 512, "eight cache lines");

}  // namespace iommulab
