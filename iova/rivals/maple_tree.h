// SPDX-License-Identifier: GPL-2.0-only
//
// A tree of wide nodes over the ranges in use, in which every node knows which gaps its children
// have: a B+ tree in the manner of Linux's maple tree (lib/maple_tree.c, the "arange" form).
//
// Invariants:
// - the root is an inner node; all leaves are at the same depth; only the leaf of the anchor, the
//   range at no_iova that never goes, may be the sole child on its path;
// - every range is in the leaf whose interval holds it, and so is the gap below it (maple_node.h);
// - a child's floor is the frame after the next lower range of all, or 0;
// - no node is empty. A node that falls to a quarter joins a neighbour that has room.
//
// Complexity: O(log n) nodes of 256 or 512 bytes for everything but a search that alignment
// leads astray (see maple.h). About 18 to 25 bytes a range when filled downward.
// A maple_tree is an index as rivals/top_down.h wants it. Locking: none; the owner's lock guards
// it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "iova/lab/no_lock.h"
#include "iova/lab/node_pool.h"
#include "iova/lab/range.h"
#include "iova/rivals/fit.h"
#include "iova/rivals/maple_node.h"

namespace iommulab {

class maple_tree {
 public:
  /// A range's place. Stale after a change of the tree: follow() finds the range again.
  struct cursor {
    maple_leaf* leaf = nullptr;
    uint32_t at = 0;
    uint32_t epoch = 0;  ///< leaves that had been freed by then, so that none of those is touched
    explicit operator bool() const { return leaf != nullptr; }
  };

  maple_tree(slab_failures* failures, const iova_space& space)
      : first_frame_(space.start_pfn), leaves_(failures), inners_(failures) {
    root_ = inners_.make();
    maple_leaf* leaf = root_ == nullptr ? nullptr : leaves_.make();
    if (leaf == nullptr) return;
    leaf->insert(0, no_iova, no_iova);
    root_->leaf = false;
    root_->insert(0, 0, leaf, maple_gaps::of(first_frame_, no_iova));
  }
  maple_tree(const maple_tree&) = delete;
  maple_tree& operator=(const maple_tree&) = delete;
  ~maple_tree() {
    if (root_ != nullptr) destroy(root_);
  }

  [[nodiscard]] bool usable() const { return root_ != nullptr && root_->count != 0; }

  [[nodiscard]] cursor anchor() const { return usable() ? not_below(no_iova) : cursor{}; }
  [[nodiscard]] static bool is_anchor(cursor c) { return c.leaf->lo[c.at] == no_iova; }
  [[nodiscard]] static iova_range range(cursor c) { return {c.leaf->lo[c.at], c.leaf->hi[c.at]}; }
  [[nodiscard]] uint64_t gap_begin(cursor c) const {
    const bool lowest = c.at + 1 == c.leaf->count;
    return gap_begin(*c.leaf, c.at, lowest ? floor_of(c.leaf) : 0);
  }
  /// Entries move, so a range is found by its frame.
  [[nodiscard]] static void* handle(cursor) { return nullptr; }
  [[nodiscard]] cursor from_handle(void*, uint64_t lo) const { return not_below(lo); }
  [[nodiscard]] cursor follow(cursor c, uint64_t lo) const {
    if (c.epoch == epoch_) {
      const uint64_t* end = c.leaf->lo + c.leaf->count;
      if (c.at < c.leaf->count && c.leaf->lo[c.at] == lo) return c;
      const uint64_t* found = std::find(c.leaf->lo, c.leaf->lo + c.leaf->count, lo);
      if (found != end) return at(c.leaf, static_cast<uint32_t>(found - c.leaf->lo));
    }
    return not_below(lo);
  }

  /// The first range that ends at or above `frame`.
  [[nodiscard]] cursor not_below(uint64_t frame) const {
    const maple_inner* inner = root_;
    while (true) {
      maple_node* child = inner->child[inner->slot_for(frame)];
      if (child->leaf) {
        auto* leaf = static_cast<maple_leaf*>(child);
        uint32_t i = 0;
        while (i + 1 < leaf->count && leaf->hi[i + 1] >= frame) ++i;
        return at(leaf, i);
      }
      inner = static_cast<maple_inner*>(child);
    }
  }
  [[nodiscard]] cursor first() const {
    const cursor c = not_below(0);
    return at(c.leaf, c.leaf->count - 1);
  }
  /// The next higher range.
  [[nodiscard]] cursor next(cursor c) const {
    return c.at != 0 ? at(c.leaf, c.at - 1) : lowest_of(leaf_above(c.leaf));
  }

  /// What lies above the highest gap where the request fits, and the frame where it begins there;
  /// no cursor when it fits nowhere.
  template <class Counts>
  cursor highest_fit(const iova_request& request, uint64_t& lo, Counts& counts) const {
    return highest_fit(*root_, request, maple_need::of(request), lo, counts);
  }

  /// Puts lo to hi, which lie in the gap below `above`, into the tree. No cursor: no memory.
  cursor insert_below(cursor above, uint64_t lo, uint64_t hi);
  /// Takes a range out; its frames join the gap of the next higher range, which is returned.
  cursor erase(cursor gone);

  [[nodiscard]] uint64_t nodes() const { return leaves_.live() + inners_.live(); }
  [[nodiscard]] uint64_t bytes() const {
    return leaves_.live() * sizeof(maple_leaf) + inners_.live() * sizeof(maple_inner);
  }

 private:
  // Nodes for one split on every level, taken before anything is changed.
  struct spares;

  [[nodiscard]] cursor at(maple_leaf* leaf, uint32_t i) const { return {leaf, i, epoch_}; }
  [[nodiscard]] cursor lowest_of(maple_leaf* leaf) const { return at(leaf, leaf->count - 1); }
  [[nodiscard]] static uint64_t floor_of(const maple_node* node) {
    return node->parent->floor[node->parent->slot_of(node)];
  }
  [[nodiscard]] uint64_t gap_begin(const maple_leaf& leaf, uint32_t i, uint64_t floor) const {
    return std::max(i + 1 < leaf.count ? leaf.hi[i + 1] + 1 : floor, first_frame_);
  }
  [[nodiscard]] maple_gaps gaps_of(const maple_leaf& leaf, uint64_t floor) const {
    maple_gaps all;
    for (uint32_t i = 0; i < leaf.count; ++i) {
      all = all.join(maple_gaps::of(gap_begin(leaf, i, floor), leaf.lo[i]));
    }
    return all;
  }
  [[nodiscard]] static maple_leaf* leaf_above(const maple_node* node);

  template <class Counts>
  cursor highest_fit(const maple_inner& inner, const iova_request& request, maple_need need,
                     uint64_t& lo, Counts& counts) const {
    for (uint32_t i = inner.slot_for(request.limit_pfn); i < inner.count; ++i) {
      counts.node_visited();
      if (!need.met_by(inner.length[i], inner.block[i])) continue;
      maple_node* child = inner.child[i];
      const cursor found =
          child->leaf
              ? highest_fit(*static_cast<maple_leaf*>(child), inner.floor[i], request, lo, counts)
              : highest_fit(*static_cast<maple_inner*>(child), request, need, lo, counts);
      if (found) return found;
    }
    return {};
  }
  template <class Counts>
  cursor highest_fit(maple_leaf& leaf, uint64_t floor, const iova_request& request, uint64_t& lo,
                     Counts& counts) const {
    for (uint32_t i = 0; i < leaf.count; ++i) {
      counts.node_visited();
      lo = request.place(gap_begin(leaf, i, floor), leaf.lo[i]);
      if (lo != no_iova) return at(&leaf, i);
    }
    return {};
  }

  // Of a leaf's gaps, `before` is now `after`.
  void replace_gap(maple_leaf* leaf, uint32_t slot, maple_gaps before, maple_gaps after);
  static void set_gaps(maple_inner* inner, uint32_t slot, maple_gaps gaps);
  static void lower_floor(const maple_node* node, uint64_t floor);

  std::optional<spares> take_spares(const maple_leaf* leaf);
  void split(maple_inner* full, spares& taken);
  cursor split(maple_leaf* full, uint32_t where, uint64_t lo, uint64_t hi, spares& taken);
  void drop(maple_node* empty);
  bool join_neighbour(maple_node* node);
  void destroy(maple_node* node);

  const uint64_t first_frame_;
  node_pool<maple_leaf, no_lock> leaves_;
  node_pool<maple_inner, no_lock> inners_;
  uint32_t epoch_ = 0;
  maple_inner* root_;
};

}  // namespace iommulab
