// SPDX-License-Identifier: GPL-2.0-only
//
// The ranges in use of one address space: the kernel's red-black tree of `struct iova`.
//
// The nodes are also threaded in ascending order, so that the way from a node to its neighbours
// is one pointer in the cache line that holds the bounds, and inserting beside a known node needs
// no descent. The list is circular through the anchor, which lies above every frame: what follows
// the last node and what precedes the first is the anchor.
//
// Invariant: nodes are ordered by pfn_lo and in the list in the same order. Who owns the tree
// locks it and owns the nodes.
#pragma once

#include <boost/intrusive/rbtree_algorithms.hpp>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>

namespace iommulab {

/// Linux include/linux/iova.h: struct iova. One range in use, pfn_lo to pfn_hi inclusive. Fills a
/// cache line, as the kernel's slab cache of them aligns it.
struct alignas(64) iova {
  iova() {}  // NOLINT(modernize-use-equals-default): a node from a pool is not cleared

  uint64_t pfn_lo;
  uint64_t pfn_hi;

  // range_tree's
  iova* prev;
  iova* next;
  iova* parent;
  iova* children[2];  // below, above
  bool red;

  /// The owner's, and false in a new node: it waits for a flush, after which it is freed.
  bool queued;
};
static_assert(sizeof(iova) == 64);

/// Where a range may be put: what a search of the tree (cached32_search.h, anchor_search.h) finds.
struct iova_room {
  iova* above = nullptr;  ///< the node just above the room, or the anchor; null: there is no room
  uint64_t pfn_lo = 0;    ///< where the range begins
  explicit operator bool() const { return above != nullptr; }
};

class range_tree {
 public:
  /// The bounds of the anchor: no frame. Linux v4.15 drivers/iommu/iova.c: IOVA_ANCHOR
  static constexpr uint64_t anchor_pfn = std::numeric_limits<uint64_t>::max();

  range_tree() { forget_all(); }
  range_tree(const range_tree&) = delete;
  range_tree& operator=(const range_tree&) = delete;

  [[nodiscard]] bool empty() const { return anchor_.next == &anchor_; }
  [[nodiscard]] iova* anchor() { return &anchor_; }
  [[nodiscard]] const iova* anchor() const { return &anchor_; }
  /// The anchor when the tree is empty, as for all that follows.
  [[nodiscard]] iova* first() { return anchor_.next; }
  [[nodiscard]] iova* last() { return anchor_.prev; }
  /// The next lower node, on a walk over many: the tree knows some that come later, and they are
  /// fetched while the walk waits for this one.
  static iova* walk_below(const iova& node) {
    __builtin_prefetch(node.children[0]);
    return node.prev;
  }

  /// Puts `added` just below `above`, a node or the anchor. Like erase() a part of every request.
  [[gnu::always_inline]] void insert_below(iova& above, iova& added) {
    iova* below = above.prev;
    added.prev = below;
    added.next = &above;
    below->next = &added;
    above.prev = &added;
    // Of two neighbours one has no child on the side of the other.
    const bool left = &above != &anchor_ && above.children[0] == nullptr;
    iova& parent = left ? above : *below;
    if (!parent.red && &parent != &anchor_) {
      link_balanced_leaf(parent, left, added);
    } else {
      algorithms::insert_commit_data place;
      place.link_left = left;
      place.node = &parent;
      algorithms::insert_unique_commit(&anchor_, &added, place);
    }
  }

  // Linux v4.4 drivers/iommu/iova.c: iova_insert_rbtree()
  void insert(iova& added) { insert_below(*last_at_or_below(added.pfn_lo)->next, added); }

  [[gnu::always_inline]] void erase(iova& removed) {
    removed.prev->next = removed.next;
    removed.next->prev = removed.prev;
    const bool leaf = removed.children[0] == nullptr && removed.children[1] == nullptr;
    if (leaf && (removed.red || removed.parent == &anchor_)) {
      erase_balanced_leaf(removed);
    } else {
      algorithms::erase(&anchor_, &removed);
    }
  }

  // Linux v4.9 drivers/iommu/iova.c: private_find_iova()
  /// The node that covers `frame`, or null.
  [[nodiscard]] iova* find(uint64_t frame) {
    iova* below = last_at_or_below(frame);
    return below != &anchor_ && frame <= below->pfn_hi ? below : nullptr;
  }

  /// The lowest node that ends at or above `frame`, or the anchor.
  [[nodiscard]] iova* lowest_reaching(uint64_t frame) {
    iova* below = last_at_or_below(frame);
    return below != &anchor_ && frame <= below->pfn_hi ? below : below->next;
  }

  /// The tree is empty then; nodes that were in it are not touched.
  void forget_all() {
    algorithms::init_header(&anchor_);
    anchor_.prev = anchor_.next = &anchor_;
    anchor_.pfn_lo = anchor_.pfn_hi = anchor_pfn;
  }

  /// Ascending.
  class const_iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = iova;
    using difference_type = std::ptrdiff_t;
    using pointer = const iova*;
    using reference = const iova&;

    explicit const_iterator(const iova* at = nullptr) : at_(at) {}
    reference operator*() const { return *at_; }
    pointer operator->() const { return at_; }
    const_iterator& operator++() {
      at_ = at_->next;
      return *this;
    }
    const_iterator operator++(int) {
      const const_iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const const_iterator&) const = default;

   private:
    const iova* at_;
  };
  [[nodiscard]] const_iterator begin() const { return const_iterator(anchor_.next); }
  [[nodiscard]] const_iterator end() const { return const_iterator(&anchor_); }

 private:
  struct node_traits {
    using node = iova;
    using node_ptr = iova*;
    using const_node_ptr = const iova*;
    using color = bool;
    static node_ptr get_parent(const_node_ptr n) { return n->parent; }
    static void set_parent(node_ptr n, node_ptr parent) { n->parent = parent; }
    static node_ptr get_left(const_node_ptr n) { return n->children[0]; }
    static void set_left(node_ptr n, node_ptr left) { n->children[0] = left; }
    static node_ptr get_right(const_node_ptr n) { return n->children[1]; }
    static void set_right(node_ptr n, node_ptr right) { n->children[1] = right; }
    static color get_color(const_node_ptr n) { return n->red; }
    static void set_color(node_ptr n, color c) { n->red = c; }
    static color black() { return false; }
    static color red() { return true; }
  };
  using algorithms = boost::intrusive::rbtree_algorithms<node_traits>;

  // The node with the highest pfn_lo at or below `frame`, or the anchor. Which way the descent
  // turns is as good as random: it is computed, not branched on.
  [[nodiscard]] iova* last_at_or_below(uint64_t frame) {
    iova* leaf = &anchor_;
    bool above = false;
    for (iova* at = anchor_.parent; at != nullptr; at = at->children[above ? 1 : 0]) {
      leaf = at;
      above = frame >= at->pfn_lo;
    }
    return above ? leaf : leaf->prev;
  }

  // Below a black node a red leaf leaves the tree balanced as it is.
  void link_balanced_leaf(iova& parent, bool left, iova& leaf) {
    leaf.parent = &parent;
    leaf.children[0] = leaf.children[1] = nullptr;
    leaf.red = true;
    parent.children[left ? 0 : 1] = &leaf;
    // The anchor's children are the first and the last node.
    if (anchor_.children[left ? 0 : 1] == &parent) anchor_.children[left ? 0 : 1] = &leaf;
  }
  // What was inserted last is most often such a leaf, without which the tree is balanced as it is.
  void erase_balanced_leaf(iova& leaf) {
    iova* parent = leaf.parent;
    if (parent == &anchor_) {
      algorithms::init_header(&anchor_);
      return;
    }
    parent->children[parent->children[1] == &leaf ? 1 : 0] = nullptr;
    // The anchor's children are the first and the last node.
    if (anchor_.children[0] == &leaf) anchor_.children[0] = parent;
    if (anchor_.children[1] == &leaf) anchor_.children[1] = parent;
  }

  iova anchor_;  // the algorithms' header as well: its parent is the root
};

}  // namespace iommulab
