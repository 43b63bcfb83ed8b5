// SPDX-License-Identifier: GPL-2.0-only
//
// A balanced tree of the ranges in use, in which every node knows the largest gap of its subtree.
//
// Why not boost::intrusive::rbtree: none of Boost.Intrusive's trees has a hook that tells which
// subtrees a rotation changed, and a node's traits see single pointers move, not finished
// subtrees. A treap (Seidel and Aragon, "Randomized search trees", 1996) needs the rotation alone,
// so that the summaries are kept in four lines. The shape of the tree never shows in a result.
// Depth is O(log n) expected, about 1.4 log2(n); the order of priorities is the same in every run.
//
// Invariants:
// - in order, nodes ascend and do not overlap; an anchor at the highest frame is always the last;
// - `gap` is the number of free frames from the end of the node before (or from the first frame,
//   whichever is higher) to the node's `lo`;
// - `max` is the summary of the gaps of the node's whole subtree;
// - a parent's priority is not below its children's.
//
// A gap_treap is an index as rivals/top_down.h wants it.
// Locking: none; the owner's lock guards all of it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "iova/lab/no_lock.h"
#include "iova/lab/node_pool.h"
#include "iova/lab/range.h"
#include "iova/rivals/fit.h"

namespace iommulab {

/// `Summary` is what a subtree knows of its gaps: one or several maxima, with
///   static Summary of(begin, end, last_32bit_pfn)   one gap, the frames begin to end - 1
///   Summary join(Summary) const                     of two subtrees
///   bool dominates(Summary) const                   join() with that changes nothing
///   bool exceeds(Summary) const                     and none of its maxima comes from there
///   bool may_fit(iova_request, last_32bit_pfn) const  false: the request fits in none of the gaps
template <class Summary>
struct gap_node {
  uint64_t lo = 0;
  uint64_t hi = 0;
  uint64_t gap = 0;
  gap_node* parent = nullptr;
  gap_node* left = nullptr;
  gap_node* right = nullptr;
  Summary max{};
  uint32_t priority = 0;

  [[nodiscard]] uint64_t gap_begin() const { return lo - gap; }
};

template <class Summary>
class gap_treap {
 public:
  using node = gap_node<Summary>;
  static_assert(sizeof(node) == 64, "one cache line");
  using cursor = node*;

  gap_treap(slab_failures* failures, const iova_space& space)
      : first_frame_(space.start_pfn),
        last_32bit_pfn_(space.last_32bit_pfn),
        pool_(failures),
        root_(&anchor_) {
    anchor_.lo = anchor_.hi = no_iova;
    anchor_.priority = next_priority();
    anchor_.gap = no_iova - first_frame_;
    anchor_.max = own(anchor_);
  }
  gap_treap(const gap_treap&) = delete;
  gap_treap& operator=(const gap_treap&) = delete;
  ~gap_treap() {
    while (!is_anchor(first())) erase(first());
  }

  [[nodiscard]] node* anchor() { return &anchor_; }
  [[nodiscard]] bool is_anchor(const node* n) const { return n == &anchor_; }
  [[nodiscard]] static iova_range range(const node* n) { return {n->lo, n->hi}; }
  [[nodiscard]] static uint64_t gap_begin(const node* n) { return n->gap_begin(); }
  [[nodiscard]] static void* handle(node* n) { return n; }
  [[nodiscard]] node* from_handle(void* handle, uint64_t lo) const {
    return handle != nullptr ? static_cast<node*>(handle) : not_below(lo);
  }
  /// Nodes stay where they are.
  [[nodiscard]] static node* follow(node* n, uint64_t /*lo*/) { return n; }

  /// The first node that ends at or above `frame`: the one that covers it, or the next above.
  [[nodiscard]] node* not_below(uint64_t frame) const {
    node* best = nullptr;
    for (node* n = root_; n != nullptr;) {
      if (n->hi >= frame) {
        best = n;
        n = n->left;
      } else {
        n = n->right;
      }
    }
    return best;
  }
  [[nodiscard]] static node* next(node* n) {
    if (n->right != nullptr) {
      for (n = n->right; n->left != nullptr;) n = n->left;
      return n;
    }
    while (n->parent != nullptr && n == n->parent->right) n = n->parent;
    return n->parent;
  }
  [[nodiscard]] node* first() const {
    node* n = root_;
    while (n->left != nullptr) n = n->left;
    return n;
  }

  /// The node above the highest gap where the request fits, and the frame where it begins there;
  /// null when it fits nowhere.
  template <class Counts>
  node* highest_fit(const iova_request& request, uint64_t& lo, Counts& counts) const {
    return highest_fit(root_, request, lo, counts);
  }

  /// Puts lo to hi, which lie in the gap below `above`, into the tree. Null: no memory.
  node* insert_below(node* above, uint64_t lo, uint64_t hi) {
    node* added = pool_.make();
    if (added == nullptr) return nullptr;
    const uint64_t old_begin = above->gap_begin();
    const Summary old_own = own(*above);
    added->lo = lo;
    added->hi = hi;
    added->gap = gap_of(lo, old_begin);
    added->max = own(*added);
    added->priority = next_priority();
    above->gap = gap_of(above->lo, hi + 1);

    if (above->left == nullptr) {
      above->left = added;
      added->parent = above;
    } else {
      node* below = above->left;
      while (below->right != nullptr) below = below->right;
      below->right = added;
      added->parent = below;
      // Up to `above` each subtree has gained a gap; from there on, one is cut in two.
      for (node* n = below; n != above && !n->max.dominates(added->max); n = n->parent) {
        n->max = n->max.join(added->max);
      }
    }
    shrunk(above, old_own);
    while (added->parent != nullptr && added->parent->priority < added->priority) rotate_up(added);
    return added;
  }

  /// Takes a node out; its frames join the gap of the next node, which is returned.
  node* erase(node* gone) {
    node* above = next(gone);
    above->gap = gap_of(above->lo, gone->gap_begin());
    const Summary grown = own(*above);
    for (node* n = above; n != nullptr && !n->max.dominates(grown); n = n->parent) {
      n->max = n->max.join(grown);
    }
    while (gone->left != nullptr && gone->right != nullptr) {
      rotate_up(gone->left->priority > gone->right->priority ? gone->left : gone->right);
    }
    node* child = gone->left != nullptr ? gone->left : gone->right;
    node* parent = gone->parent;
    replace(parent, gone, child);
    shrunk(parent, own(*gone));
    pool_.destroy(gone);
    return above;
  }

  [[nodiscard]] static bool usable() { return true; }
  [[nodiscard]] uint64_t nodes() const { return pool_.live(); }
  [[nodiscard]] uint64_t bytes() const { return pool_.live() * sizeof(node); }

 private:
  [[nodiscard]] uint64_t gap_of(uint64_t lo, uint64_t begin) const {
    begin = std::max(begin, first_frame_);
    return lo > begin ? lo - begin : 0;
  }
  [[nodiscard]] Summary own(const node& n) const {
    return Summary::of(n.gap_begin(), n.lo, last_32bit_pfn_);
  }
  [[nodiscard]] Summary summary(const node& n) const {
    Summary s = own(n);
    if (n.left != nullptr) s = s.join(n.left->max);
    if (n.right != nullptr) s = s.join(n.right->max);
    return s;
  }
  // A gap with summary `old` is gone from the subtree of `n`. Stops where another gap was larger
  // all along, or the largest is the same as before.
  void shrunk(node* n, const Summary& old) {
    for (; n != nullptr && !n->max.exceeds(old); n = n->parent) {
      const Summary now = summary(*n);
      if (now == n->max) return;
      n->max = now;
    }
  }

  template <class Counts>
  node* highest_fit(node* n, const iova_request& request, uint64_t& lo, Counts& counts) const {
    for (; n != nullptr; n = n->left) {
      counts.node_visited();
      if (!n->max.may_fit(request, last_32bit_pfn_)) return nullptr;
      node* found = highest_fit(n->right, request, lo, counts);
      if (found != nullptr) return found;
      lo = request.place(n->gap_begin(), n->lo);
      if (lo != no_iova) return n;
    }
    return nullptr;
  }

  void replace(node* parent, node* child, node* by) {
    if (parent == nullptr) {
      root_ = by;
    } else if (parent->left == child) {
      parent->left = by;
    } else {
      parent->right = by;
    }
    if (by != nullptr) by->parent = parent;
  }
  void rotate_up(node* n) {
    node* down = n->parent;
    replace(down->parent, down, n);
    if (down->left == n) {
      down->left = n->right;
      if (n->right != nullptr) n->right->parent = down;
      n->right = down;
    } else {
      down->right = n->left;
      if (n->left != nullptr) n->left->parent = down;
      n->left = down;
    }
    down->parent = n;
    n->max = down->max;
    down->max = summary(*down);
  }

  uint32_t next_priority() {
    // Marsaglia, "Xorshift RNGs", 2003.
    random_ ^= random_ << 13U;
    random_ ^= random_ >> 17U;
    random_ ^= random_ << 5U;
    return random_;
  }

  const uint64_t first_frame_;
  const uint64_t last_32bit_pfn_;
  node_pool<node, no_lock> pool_;
  uint32_t random_ = 2463534242;
  node anchor_;
  node* root_;
};

}  // namespace iommulab
