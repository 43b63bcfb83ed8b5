// SPDX-License-Identifier: GPL-2.0-only
#include "iova/rivals/maple_tree.h"

#include <array>

namespace iommulab {
namespace {

constexpr size_t max_depth = 20;  // 23^20 leaves are more than there are frames

bool is_scant(const maple_node* node) {
  return node->count <= (node->leaf ? maple_leaf::capacity : maple_inner::capacity) / 4;
}

}  // namespace

struct maple_tree::spares {
  maple_leaf* leaf = nullptr;
  std::array<maple_inner*, max_depth> inners{};
  size_t count = 0;

  maple_inner* inner() { return inners[--count]; }
};

// The leaf of the next higher interval.
maple_leaf* maple_tree::leaf_above(const maple_node* node) {
  uint32_t slot = node->parent->slot_of(node);
  while (slot == 0) {
    node = node->parent;
    slot = node->parent->slot_of(node);
  }
  maple_node* above = node->parent->child[slot - 1];
  while (!above->leaf) {
    const auto* inner = static_cast<maple_inner*>(above);
    above = inner->child[inner->count - 1];
  }
  return static_cast<maple_leaf*>(above);
}

void maple_tree::set_gaps(maple_inner* inner, uint32_t slot, maple_gaps gaps) {
  while (true) {
    const maple_gaps before = inner->gaps(slot);
    if (before == gaps) return;
    inner->set_gaps(slot, gaps);
    maple_inner* parent = inner->parent;
    if (parent == nullptr) return;
    slot = parent->slot_of(inner);
    const maple_gaps all = parent->gaps(slot);
    const bool grows_only = gaps.dominates(before) || all.exceeds(before);
    gaps = grows_only ? all.join(gaps) : inner->all_gaps();
    inner = parent;
  }
}

void maple_tree::replace_gap(maple_leaf* leaf, uint32_t slot, maple_gaps before, maple_gaps after) {
  maple_inner* parent = leaf->parent;
  const maple_gaps all = parent->gaps(slot);
  if (after.dominates(before)) {
    if (!all.dominates(after)) set_gaps(parent, slot, all.join(after));
  } else if (!all.exceeds(before)) {
    set_gaps(parent, slot, gaps_of(*leaf, parent->floor[slot]));
  }
}

// The interval of a node, and of those that it is the last child of, begins at `floor`.
void maple_tree::lower_floor(const maple_node* node, uint64_t floor) {
  for (maple_inner* parent = node->parent; parent != nullptr; parent = node->parent) {
    const uint32_t slot = parent->slot_of(node);
    parent->floor[slot] = floor;
    if (slot + 1 != parent->count) return;
    node = parent;
  }
}

maple_tree::cursor maple_tree::insert_below(cursor above, uint64_t lo, uint64_t hi) {
  maple_leaf* leaf = above.leaf;
  const uint32_t where = above.at + 1;
  if (leaf->count == maple_leaf::capacity) {
    std::optional<spares> taken = take_spares(leaf);
    if (!taken) return {};
    return split(leaf, where, lo, hi, *taken);
  }
  const uint32_t slot = leaf->parent->slot_of(leaf);
  const uint64_t begin = gap_begin(*leaf, above.at, leaf->parent->floor[slot]);
  const uint64_t end = leaf->lo[above.at];
  leaf->insert(where, lo, hi);
  const maple_gaps below = maple_gaps::of(begin, lo);
  replace_gap(leaf, slot, maple_gaps::of(begin, end),
              below.join(maple_gaps::of(std::max(hi + 1, first_frame_), end)));
  return at(leaf, where);
}

// One leaf, an inner node for each full one on the way up, and one more for a new root.
std::optional<maple_tree::spares> maple_tree::take_spares(const maple_leaf* leaf) {
  spares taken;
  taken.leaf = leaves_.make();
  bool complete = taken.leaf != nullptr;
  const maple_inner* inner = leaf->parent;
  bool root_too = false;
  while (complete && inner != nullptr && (inner->count == maple_inner::capacity || root_too)) {
    maple_inner* spare = inners_.make();
    complete = spare != nullptr;
    if (complete) {
      spare->leaf = false;
      taken.inners[taken.count++] = spare;
    }
    if (inner->parent != nullptr) {
      inner = inner->parent;
    } else if (root_too) {
      inner = nullptr;
    } else {
      root_too = true;
    }
  }
  if (complete) return taken;
  while (taken.count != 0) inners_.destroy(taken.inner());
  if (taken.leaf != nullptr) leaves_.destroy(taken.leaf);
  return std::nullopt;
}

// Makes room in a full inner node: its lower children go to a new node beside it.
void maple_tree::split(maple_inner* full, spares& taken) {
  if (full->parent == nullptr) {
    root_ = taken.inner();
    root_->insert(0, full->floor[full->count - 1], full, full->all_gaps());
  } else if (full->parent->count == maple_inner::capacity) {
    split(full->parent, taken);
  }
  maple_inner* parent = full->parent;
  const uint32_t slot = parent->slot_of(full);
  maple_inner* lower = taken.inner();
  // At the low end more is to come below, and nothing between: leave the node full.
  const bool low_end = slot + 1 == parent->count;
  full->move_tail(low_end ? full->count - 1 : full->count / 2, *lower);
  parent->insert(slot + 1, parent->floor[slot], lower, lower->all_gaps());
  parent->floor[slot] = full->floor[full->count - 1];
  parent->set_gaps(slot, full->all_gaps());
}

// Inserts into a full leaf; its lower ranges go to a new leaf beside it.
maple_tree::cursor maple_tree::split(maple_leaf* full, uint32_t where, uint64_t lo, uint64_t hi,
                                     spares& taken) {
  if (full->parent->count == maple_inner::capacity) split(full->parent, taken);
  maple_inner* parent = full->parent;
  const uint32_t slot = parent->slot_of(full);
  const uint64_t floor = parent->floor[slot];
  maple_leaf* lower = taken.leaf;
  const bool low_end = where == full->count;
  if (!low_end) full->move_tail(full->count / 2, *lower);
  maple_leaf* leaf = low_end || where > full->count ? lower : full;
  if (low_end) {
    where = 0;
  } else if (leaf == lower) {
    where -= full->count;
  }
  leaf->insert(where, lo, hi);

  parent->insert(slot + 1, floor, lower, gaps_of(*lower, floor));
  parent->floor[slot] = lower->hi[0] + 1;
  set_gaps(parent, slot, gaps_of(*full, parent->floor[slot]));
  maple_inner* above = parent->parent;
  if (above != nullptr) set_gaps(above, above->slot_of(parent), parent->all_gaps());
  return at(leaf, where);
}

maple_tree::cursor maple_tree::erase(cursor gone) {
  maple_leaf* leaf = gone.leaf;
  maple_inner* parent = leaf->parent;
  const uint32_t slot = parent->slot_of(leaf);
  const uint64_t floor = parent->floor[slot];
  const uint64_t begin = gap_begin(*leaf, gone.at, floor);
  const maple_gaps below = maple_gaps::of(begin, leaf->lo[gone.at]);
  leaf->erase(gone.at);

  cursor above;
  if (gone.at != 0) {
    above = at(leaf, gone.at - 1);
    const maple_gaps joined = maple_gaps::of(begin, leaf->lo[above.at]);
    const maple_gaps all = parent->gaps(slot);
    if (!all.dominates(joined)) set_gaps(parent, slot, all.join(joined));
  } else {
    // The gap goes to the leaf above, and with it the upper part of this leaf's interval.
    above = lowest_of(leaf_above(leaf));
    lower_floor(above.leaf, leaf->count != 0 ? leaf->hi[0] + 1 : floor);
    const uint32_t above_slot = above.leaf->parent->slot_of(above.leaf);
    replace_gap(above.leaf, above_slot, {}, maple_gaps::of(begin, above.leaf->lo[above.at]));
    if (leaf->count == 0) {
      drop(leaf);
      return at(above.leaf, above.at);
    }
    replace_gap(leaf, slot, below, {});
  }
  if (is_scant(leaf)) {
    const uint64_t above_lo = above.leaf->lo[above.at];
    if (join_neighbour(leaf)) return not_below(above_lo);
  }
  return above;
}

// Frees a node that has become empty. The one above has taken over its interval.
void maple_tree::drop(maple_node* empty) {
  maple_inner* parent = empty->parent;
  parent->erase(parent->slot_of(empty));
  if (empty->leaf) {
    leaves_.destroy(static_cast<maple_leaf*>(empty));
    ++epoch_;
  } else {
    inners_.destroy(static_cast<maple_inner*>(empty));
  }
  if (parent->count == 0) {
    drop(parent);
    return;
  }
  maple_inner* above = parent->parent;
  if (above != nullptr) {
    set_gaps(above, above->slot_of(parent), parent->all_gaps());
    if (is_scant(parent)) join_neighbour(parent);
    return;
  }
  while (root_->count == 1 && !root_->child[0]->leaf) {
    maple_inner* old_root = root_;
    root_ = static_cast<maple_inner*>(old_root->child[0]);
    root_->parent = nullptr;
    inners_.destroy(old_root);
  }
}

// Unites a node with the next lower or higher one under the same parent, when both fill three
// quarters of a node at most. Intervals and gaps of all others stay as they are.
bool maple_tree::join_neighbour(maple_node* node) {
  maple_inner* parent = node->parent;
  const uint32_t slot = parent->slot_of(node);
  const uint32_t most = (node->leaf ? maple_leaf::capacity : maple_inner::capacity) * 3 / 4;
  for (const uint32_t upper : {slot, slot == 0 ? slot : slot - 1}) {
    if (upper + 1 == parent->count) continue;
    maple_node* to = parent->child[upper];
    maple_node* from = parent->child[upper + 1];
    if (to->count + from->count > most) continue;
    if (node->leaf) {
      static_cast<maple_leaf*>(from)->move_tail(0, *static_cast<maple_leaf*>(to));
    } else {
      static_cast<maple_inner*>(from)->move_tail(0, *static_cast<maple_inner*>(to));
    }
    parent->floor[upper] = parent->floor[upper + 1];
    parent->set_gaps(upper, parent->gaps(upper).join(parent->gaps(upper + 1)));
    drop(from);
    return true;
  }
  return false;
}

void maple_tree::destroy(maple_node* node) {
  if (node->leaf) {
    leaves_.destroy(static_cast<maple_leaf*>(node));
    return;
  }
  auto* inner = static_cast<maple_inner*>(node);
  for (uint32_t i = 0; i < inner->count; ++i) destroy(inner->child[i]);
  inners_.destroy(inner);
}

}  // namespace iommulab
