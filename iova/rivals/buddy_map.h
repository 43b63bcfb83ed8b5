// SPDX-License-Identifier: GPL-2.0-only
//
// Which frames are free, and where ranges begin: a bitmap, made only where ranges are, under a tree
// of 64 children a node that knows for each order which children hold a free block of 2^order.
//
// Invariants:
// - a block of 2^k frames is free when all its frames are: nothing is split or merged;
// - a node exists only where a range begins or ends: what is free, or inside one range, as a whole
//   is a bit in its parent. The root always exists, and covers what was asked for so far;
// - a frame where a range begins has its start bit; the range ends before the next start bit or
//   free frame.
//
// Complexity: all O(levels), at 6 bits of the address a level: 4 for 36 bits of frames; marking
// goes over the words or children that the range covers on each level as well.
// Memory: 1.1 KiB for 4096 frames, 1 KiB for a node above.
// Locking: none; the owner's lock guards it.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "iova/lab/allocator.h"
#include "iova/lab/no_lock.h"
#include "iova/lab/node_pool.h"
#include "iova/rivals/buddy_node.h"

namespace iommulab {

class buddy_map {
 public:
  explicit buddy_map(slab_failures* failures) : leaves_(failures), inners_(failures) {
    root_ = inners_.make(level_);
  }
  buddy_map(const buddy_map&) = delete;
  buddy_map& operator=(const buddy_map&) = delete;
  ~buddy_map() {
    if (root_ != nullptr) destroy(root_, level_);
  }
  [[nodiscard]] bool usable() const { return root_ != nullptr; }

  static constexpr uint64_t last_frame =
      (uint64_t{1} << buddy_order(buddy_inner::highest_level)) - 1;

  /// Makes the tree high enough for `frame`, at most last_frame. False: no memory.
  bool cover(uint64_t frame);

  /// The highest aligned free block of 2^order frames that ends at or below `limit`, which is
  /// covered; or no_iova.
  template <class Counts>
  [[nodiscard]] uint64_t highest_block(unsigned order, uint64_t limit, Counts& counts) const {
    if (order > buddy_order(level_)) return no_iova;
    return highest_block(*root_, level_, order, limit, counts);
  }

  /// Frames lo to hi, which are covered and free, become one range. False: no memory.
  bool mark(uint64_t lo, uint64_t hi);
  /// And free again.
  void unmark(uint64_t lo, uint64_t hi);

  /// `frame` is covered, here and below.
  [[nodiscard]] bool is_free(uint64_t frame) const;
  /// The last frame at or below `frame` where a range begins; or no_iova.
  [[nodiscard]] uint64_t previous_start(uint64_t frame) const {
    return previous_start(*root_, level_, frame);
  }
  /// The first frame at or above `frame` where a range begins; or no_iova.
  [[nodiscard]] uint64_t next_start(uint64_t frame) const {
    return next(*root_, level_, frame, false);
  }
  /// And that is free, or where a range begins.
  [[nodiscard]] uint64_t next_free_or_start(uint64_t frame) const {
    return next(*root_, level_, frame, true);
  }
  /// The last frame that is covered.
  [[nodiscard]] uint64_t last_covered() const { return (uint64_t{1} << buddy_order(level_)) - 1; }

  [[nodiscard]] uint64_t nodes() const { return leaves_.live() + inners_.live(); }
  [[nodiscard]] uint64_t bytes() const {
    return leaves_.live() * sizeof(buddy_leaf) + inners_.live() * sizeof(buddy_inner);
  }

 private:
  // Frames are relative to the node's first one, in all that follows.
  template <class Counts>
  static uint64_t highest_block(const buddy_inner& node, unsigned level, unsigned order,
                                uint64_t limit, Counts& counts);
  template <class Counts>
  static uint64_t highest_block(const buddy_leaf& leaf, unsigned order, uint64_t limit,
                                Counts& counts);
  // The same among things of 2^child_order frames each.
  static uint64_t highest_group(uint64_t free, unsigned child_order, unsigned order,
                                uint64_t limit);

  static uint64_t previous_start(const buddy_inner& node, unsigned level, uint64_t frame);
  static uint64_t previous_start(const buddy_leaf& leaf, uint64_t frame);
  static uint64_t next(const buddy_inner& node, unsigned level, uint64_t frame, bool or_free);
  static uint64_t next(const buddy_leaf& leaf, uint64_t frame, bool or_free);

  // The lowest frame of lo to hi that could not be marked; hi + 1 when all are.
  uint64_t mark(buddy_inner& node, unsigned level, uint64_t lo, uint64_t hi, bool begins);
  static void mark(buddy_leaf& leaf, uint64_t lo, uint64_t hi, bool begins);
  void unmark(buddy_inner& node, unsigned level, uint64_t lo, uint64_t hi);
  static void unmark(buddy_leaf& leaf, uint64_t lo, uint64_t hi);
  // What the parent knows of a child, after the child changed; a child that is free as a whole
  // goes.
  void update(buddy_inner& node, unsigned level, unsigned child);
  static void update(buddy_leaf& leaf, unsigned word);
  void* make_child(unsigned level);
  void destroy(void* node, unsigned level);

  node_pool<buddy_leaf, no_lock> leaves_;
  node_pool<buddy_inner, no_lock> inners_;
  unsigned level_ = 1;
  buddy_inner* root_;
};

inline uint64_t buddy_map::highest_group(uint64_t free, unsigned child_order, unsigned order,
                                         uint64_t limit) {
  const uint64_t size = uint64_t{1} << order;
  if (limit < size - 1) return no_iova;
  uint64_t groups = buddy_groups(free, order - child_order);
  const uint64_t highest = (limit + 1 - size) >> child_order;
  if (highest < 63) groups &= (uint64_t{2} << highest) - 1;
  if (groups == 0) return no_iova;
  return static_cast<uint64_t>(63 - std::countl_zero(groups)) << child_order;
}

template <class Counts>
uint64_t buddy_map::highest_block(const buddy_inner& node, unsigned level, unsigned order,
                                  uint64_t limit, Counts& counts) {
  counts.node_visited();
  const unsigned child_order = buddy_child_order(level);
  if (order >= child_order) return highest_group(node.has[child_order], child_order, order, limit);
  uint64_t candidates = node.has[order];
  const uint64_t last = limit >> child_order;  // the child that the limit cuts, if there is one
  if (last < 63) candidates &= (uint64_t{2} << last) - 1;
  // Of two children that hold a block, only the one cut may hold it too high.
  while (candidates != 0) {
    const auto i = static_cast<unsigned>(63 - std::countl_zero(candidates));
    candidates ^= uint64_t{1} << i;
    const uint64_t first = uint64_t{i} << child_order;
    const uint64_t rest = limit - first;
    const void* child = node.child[i];
    uint64_t found = no_iova;
    if (child == nullptr) {
      const uint64_t top = std::min(rest, (uint64_t{1} << child_order) - 1) + 1;
      const uint64_t end = top >> order << order;
      if (end != 0) found = end - (uint64_t{1} << order);
    } else if (level == 1) {
      found = highest_block(*static_cast<const buddy_leaf*>(child), order, rest, counts);
    } else {
      found =
          highest_block(*static_cast<const buddy_inner*>(child), level - 1, order, rest, counts);
    }
    if (found != no_iova) return first + found;
  }
  return no_iova;
}

template <class Counts>
uint64_t buddy_map::highest_block(const buddy_leaf& leaf, unsigned order, uint64_t limit,
                                  Counts& counts) {
  counts.node_visited();
  if (order >= 6) return highest_group(leaf.has[6], 6, order, limit);
  uint64_t candidates = leaf.has[order];
  const uint64_t last = limit >> 6U;
  if (last < 63) candidates &= (uint64_t{2} << last) - 1;
  while (candidates != 0) {
    const auto i = static_cast<unsigned>(63 - std::countl_zero(candidates));
    candidates ^= uint64_t{1} << i;
    counts.node_visited();
    const uint64_t found = highest_group(leaf.free[i], 0, order, limit - (uint64_t{i} << 6U));
    if (found != no_iova) return (uint64_t{i} << 6U) + found;
  }
  return no_iova;
}

}  // namespace iommulab
