// SPDX-License-Identifier: GPL-2.0-only
#include "iova/rivals/buddy_map.h"

namespace iommulab {
namespace {

constexpr uint64_t bit(uint64_t i) {
  return uint64_t{1} << (i % 64);
}
/// Bits lo to hi.
constexpr uint64_t bits(uint64_t lo, uint64_t hi) {
  return (~uint64_t{0} << lo) & (~uint64_t{0} >> (63 - hi));
}
constexpr uint64_t bits_above(uint64_t i) {
  return ~uint64_t{1} << i;
}
constexpr unsigned lowest(uint64_t mask) {
  return static_cast<unsigned>(std::countr_zero(mask));
}
constexpr unsigned highest(uint64_t mask) {
  return static_cast<unsigned>(63 - std::countl_zero(mask));
}

bool is_free_as_a_whole(const buddy_inner& node, unsigned level, uint64_t child) {
  return (node.has[buddy_child_order(level)] & bit(child)) != 0;
}

// The part of lo to hi that lies in child i, relative to that child.
struct part {
  uint64_t lo;
  uint64_t hi;
  part(uint64_t range_lo, uint64_t range_hi, uint64_t i, unsigned child_order)
      : lo(i == range_lo >> child_order ? range_lo - (i << child_order) : 0),
        hi(std::min(range_hi - (i << child_order), (uint64_t{1} << child_order) - 1)) {}
  [[nodiscard]] bool whole(unsigned child_order) const {
    return lo == 0 && hi == (uint64_t{1} << child_order) - 1;
  }
};

}  // namespace

bool buddy_map::cover(uint64_t frame) {
  while (frame > last_covered()) {
    if (root_->largest(buddy_child_order(level_)) == static_cast<int>(buddy_order(level_))) {
      *root_ = buddy_inner(++level_);  // all is free
      continue;
    }
    buddy_inner* higher = inners_.make(level_ + 1);
    if (higher == nullptr) return false;
    higher->child[0] = root_;
    root_ = higher;
    update(*root_, ++level_, 0);
  }
  return true;
}

bool buddy_map::is_free(uint64_t frame) const {
  const buddy_inner* node = root_;
  for (unsigned level = level_;; --level) {
    const uint64_t i = frame >> buddy_child_order(level);
    frame -= i << buddy_child_order(level);
    const void* child = node->child[i];
    if (child == nullptr) return is_free_as_a_whole(*node, level, i);
    if (level == 1) {
      return (static_cast<const buddy_leaf*>(child)->free[frame >> 6U] & bit(frame)) != 0;
    }
    node = static_cast<const buddy_inner*>(child);
  }
}

uint64_t buddy_map::previous_start(const buddy_inner& node, unsigned level, uint64_t frame) {
  const unsigned child_order = buddy_child_order(level);
  uint64_t candidates = node.starts & bits(0, frame >> child_order);
  while (candidates != 0) {
    const unsigned i = highest(candidates);
    candidates ^= bit(i);
    const uint64_t first = uint64_t{i} << child_order;
    const uint64_t rest = std::min(frame - first, (uint64_t{1} << child_order) - 1);
    const void* child = node.child[i];
    if (child == nullptr) return first;  // inside a range that begins with it
    const uint64_t found =
        level == 1 ? previous_start(*static_cast<const buddy_leaf*>(child), rest)
                   : previous_start(*static_cast<const buddy_inner*>(child), level - 1, rest);
    if (found != no_iova) return first + found;
  }
  return no_iova;
}

uint64_t buddy_map::previous_start(const buddy_leaf& leaf, uint64_t frame) {
  const uint64_t word = frame >> 6U;
  const uint64_t here = leaf.start[word] & bits(0, frame % 64);
  if (here != 0) return (word << 6U) + highest(here);
  const uint64_t words = leaf.starts & ~bits(word, 63);
  if (words == 0) return no_iova;
  const unsigned i = highest(words);
  return (uint64_t{i} << 6U) + highest(leaf.start[i]);
}

uint64_t buddy_map::next(const buddy_inner& node, unsigned level, uint64_t frame, bool or_free) {
  const unsigned child_order = buddy_child_order(level);
  uint64_t candidates =
      (node.starts | (or_free ? node.has[0] : 0)) & bits(frame >> child_order, 63);
  while (candidates != 0) {
    const unsigned i = lowest(candidates);
    candidates ^= bit(i);
    const uint64_t first = uint64_t{i} << child_order;
    const uint64_t from = frame > first ? frame - first : 0;
    const void* child = node.child[i];
    if (child == nullptr) {
      // Free as a whole, or inside a range that begins with it.
      if (from == 0 || is_free_as_a_whole(node, level, i)) return first + from;
      continue;
    }
    const uint64_t found =
        level == 1 ? next(*static_cast<const buddy_leaf*>(child), from, or_free)
                   : next(*static_cast<const buddy_inner*>(child), level - 1, from, or_free);
    if (found != no_iova) return first + found;
  }
  return no_iova;
}

uint64_t buddy_map::next(const buddy_leaf& leaf, uint64_t frame, bool or_free) {
  const auto wanted = [&](uint64_t i) { return leaf.start[i] | (or_free ? leaf.free[i] : 0); };
  const uint64_t word = frame >> 6U;
  const uint64_t here = wanted(word) & bits(frame % 64, 63);
  if (here != 0) return (word << 6U) + lowest(here);
  const uint64_t words = (leaf.starts | (or_free ? leaf.has[0] : 0)) & bits_above(word);
  if (words == 0) return no_iova;
  const unsigned i = lowest(words);
  return (uint64_t{i} << 6U) + lowest(wanted(i));
}

bool buddy_map::mark(uint64_t lo, uint64_t hi) {
  const uint64_t failed = mark(*root_, level_, lo, hi, true);
  if (failed > hi) return true;
  if (failed > lo) unmark(lo, failed - 1);
  return false;
}

uint64_t buddy_map::mark(buddy_inner& node, unsigned level, uint64_t lo, uint64_t hi, bool begins) {
  const unsigned child_order = buddy_child_order(level);
  for (uint64_t i = lo >> child_order; i <= hi >> child_order; ++i) {
    const part in(lo, hi, i, child_order);
    const bool begins_here = begins && i == lo >> child_order;
    if (in.whole(child_order)) {
      node.set_largest(static_cast<unsigned>(i), child_order, -1);
      node.largest_of[i] = -1;
      if (begins_here) node.starts |= bit(i);
      continue;
    }
    if (node.child[i] == nullptr) node.child[i] = make_child(level);
    if (node.child[i] == nullptr) return (i << child_order) + in.lo;
    uint64_t failed = in.hi + 1;
    if (level == 1) {
      mark(*static_cast<buddy_leaf*>(node.child[i]), in.lo, in.hi, begins_here);
    } else {
      failed =
          mark(*static_cast<buddy_inner*>(node.child[i]), level - 1, in.lo, in.hi, begins_here);
    }
    update(node, level, static_cast<unsigned>(i));
    if (failed <= in.hi) return (i << child_order) + failed;
  }
  return hi + 1;
}

void buddy_map::mark(buddy_leaf& leaf, uint64_t lo, uint64_t hi, bool begins) {
  if (begins) leaf.start[lo >> 6U] |= bit(lo);
  for (uint64_t i = lo >> 6U; i <= hi >> 6U; ++i) {
    const part in(lo, hi, i, 6);
    leaf.free[i] &= ~bits(in.lo, in.hi);
    update(leaf, static_cast<unsigned>(i));
  }
}

void buddy_map::unmark(uint64_t lo, uint64_t hi) {
  unmark(*root_, level_, lo, hi);
}

void buddy_map::unmark(buddy_inner& node, unsigned level, uint64_t lo, uint64_t hi) {
  const unsigned child_order = buddy_child_order(level);
  for (uint64_t i = lo >> child_order; i <= hi >> child_order; ++i) {
    const part in(lo, hi, i, child_order);
    void* child = node.child[i];
    if (child == nullptr) {
      node.set_largest(static_cast<unsigned>(i), child_order, static_cast<int>(child_order));
      node.largest_of[i] = static_cast<int8_t>(child_order);
      node.starts &= ~bit(i);
    } else if (level == 1) {
      unmark(*static_cast<buddy_leaf*>(child), in.lo, in.hi);
      update(node, level, static_cast<unsigned>(i));
    } else {
      unmark(*static_cast<buddy_inner*>(child), level - 1, in.lo, in.hi);
      update(node, level, static_cast<unsigned>(i));
    }
  }
}

void buddy_map::unmark(buddy_leaf& leaf, uint64_t lo, uint64_t hi) {
  leaf.start[lo >> 6U] &= ~bit(lo);
  for (uint64_t i = lo >> 6U; i <= hi >> 6U; ++i) {
    const part in(lo, hi, i, 6);
    leaf.free[i] |= bits(in.lo, in.hi);
    update(leaf, static_cast<unsigned>(i));
  }
}

void buddy_map::update(buddy_inner& node, unsigned level, unsigned child) {
  const unsigned child_order = buddy_child_order(level);
  int largest = 0;
  uint64_t starts = 0;
  if (level == 1) {
    const auto& leaf = *static_cast<buddy_leaf*>(node.child[child]);
    largest = leaf.largest(buddy_child_order(0));
    starts = leaf.starts;
  } else {
    const auto& inner = *static_cast<buddy_inner*>(node.child[child]);
    largest = inner.largest(buddy_child_order(level - 1));
    starts = inner.starts;
  }
  node.starts = starts != 0 ? node.starts | bit(child) : node.starts & ~bit(child);
  if (node.largest_of[child] != largest) {
    node.set_largest(child, child_order, largest);
    node.largest_of[child] = static_cast<int8_t>(largest);
  }
  if (largest == static_cast<int>(child_order)) {
    destroy(node.child[child], level - 1);
    node.child[child] = nullptr;
  }
}

void buddy_map::update(buddy_leaf& leaf, unsigned word) {
  leaf.set_largest(word, 6, buddy_largest_group(leaf.free[word]));
  leaf.starts = leaf.start[word] != 0 ? leaf.starts | bit(word) : leaf.starts & ~bit(word);
}

void* buddy_map::make_child(unsigned level) {
  if (level == 1) return leaves_.make();
  return inners_.make(level - 1);
}

void buddy_map::destroy(void* node, unsigned level) {
  if (level == 0) {
    leaves_.destroy(static_cast<buddy_leaf*>(node));
    return;
  }
  auto* inner = static_cast<buddy_inner*>(node);
  for (void* child : inner->child) {
    if (child != nullptr) destroy(child, level - 1);
  }
  inners_.destroy(inner);
}

}  // namespace iommulab
