// SPDX-License-Identifier: GPL-2.0-only
//
// The nodes of a buddy_map (rivals/buddy_map.h): 64 children each; at level 0 the children are
// words of 64 frames, at level n nodes of level n - 1.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace iommulab {

/// The frames of a child of a node of `level`, as a power of two; and those of the node.
constexpr unsigned buddy_child_order(unsigned level) {
  return 6 * (level + 1);
}
constexpr unsigned buddy_order(unsigned level) {
  return buddy_child_order(level) + 6;
}

/// Of 64 things of which the set bits are free: the lowest bit of each aligned group of
/// 2^(order + 1) that is free as a whole, from those of 2^order. Here buddies merge.
constexpr uint64_t buddy_pairs(uint64_t groups, unsigned order) {
  constexpr std::array<uint64_t, 6> lower_of_pair{0x5555555555555555, 0x1111111111111111,
                                                  0x0101010101010101, 0x0001000100010001,
                                                  0x0000000100000001, 0x0000000000000001};
  return groups & (groups >> (1U << order)) & lower_of_pair[order];
}
/// The same from the single things on, up to groups of 2^order, order at most 6.
constexpr uint64_t buddy_groups(uint64_t free, unsigned order) {
  for (unsigned k = 0; k < order; ++k) free = buddy_pairs(free, k);
  return free;
}
/// The largest order that has such a group; -1 when nothing is free.
constexpr int buddy_largest_group(uint64_t free) {
  if (free == 0) return -1;
  for (unsigned k = 0; k < 6; ++k) {
    free = buddy_pairs(free, k);
    if (free == 0) return static_cast<int>(k);
  }
  return 6;
}

/// `has[k]` says which children hold a free block of 2^k frames, for k up to the child's own order;
/// so has[child order] are the children that are free as a whole, and has[0] those that are not
/// full.
template <unsigned orders>
struct buddy_summary {
  uint64_t starts = 0;  ///< the children in which a range begins
  std::array<uint64_t, orders> has;

  void set_largest(unsigned child, unsigned child_order, int largest) {
    const uint64_t bit = uint64_t{1} << child;
    for (unsigned k = 0; k <= child_order; ++k) {
      has[k] = static_cast<int>(k) <= largest ? has[k] | bit : has[k] & ~bit;
    }
  }
  /// The order of the largest free block, -1 when there is none.
  [[nodiscard]] int largest(unsigned child_order) const {
    if (has[child_order] != 0) {
      return static_cast<int>(child_order) + buddy_largest_group(has[child_order]);
    }
    int k = static_cast<int>(child_order) - 1;
    while (k >= 0 && has[static_cast<size_t>(k)] == 0) --k;
    return k;
  }
};

/// 4096 frames.
struct buddy_leaf : buddy_summary<7> {
  std::array<uint64_t, 64> free;   ///< a bit a frame
  std::array<uint64_t, 64> start;  ///< frames where a range begins

  buddy_leaf() : free{}, start{} {
    free.fill(~uint64_t{0});
    has.fill(~uint64_t{0});
  }
};

/// A child that is null is free as a whole, or part of one range as a whole.
struct buddy_inner : buddy_summary<55> {
  static constexpr unsigned highest_level = 8;

  std::array<void*, 64> child{};        ///< buddy_leaf at level 1, else buddy_inner
  std::array<int8_t, 64> largest_of{};  ///< each child's largest(), as has[] says

  explicit buddy_inner(unsigned level) {
    largest_of.fill(static_cast<int8_t>(buddy_child_order(level)));
    has.fill(~uint64_t{0});
  }
};
static_assert(buddy_child_order(buddy_inner::highest_level) == 54);

}  // namespace iommulab
