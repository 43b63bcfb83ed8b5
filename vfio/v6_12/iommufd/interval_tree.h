// SPDX-License-Identifier: GPL-2.0-only
//
// Intervals of 64-bit numbers, both ends inclusive, in order of their start; those that overlap a
// range are found in logarithmic time. Intervals may overlap each other; of two with the same
// start the one that was inserted first comes first. Nodes belong to whoever has them in a tree.
//
// Invariant: each node knows the largest `last` of the nodes below it, itself included. The shape
// is a treap's: heap order by numbers that each tree draws alike, so runs repeat.
//
// One thread at a time.
#pragma once

#include <cstdint>
#include <utility>

namespace iommulab::v6_12 {

/// Linux include/linux/interval_tree.h: struct interval_tree_node
struct interval_tree_node {
  uint64_t start = 0;
  uint64_t last = 0;

 private:
  friend class interval_tree;
  uint64_t subtree_last_ = 0;
  uint64_t priority_ = 0;
  interval_tree_node* left_ = nullptr;
  interval_tree_node* right_ = nullptr;
  interval_tree_node* parent_ = nullptr;
};

/// A node that knows what it is a part of.
template <typename Owner>
struct interval_node_of : interval_tree_node {
  explicit interval_node_of(Owner& owner_) : owner(owner_) {}
  Owner& owner;
};
/// container_of() of a node of that kind; null for null.
template <typename Owner>
Owner* owner_of(interval_tree_node* node) {
  return node == nullptr ? nullptr : &static_cast<interval_node_of<Owner>*>(node)->owner;
}

class interval_tree {
 public:
  interval_tree() = default;
  interval_tree(const interval_tree&) = delete;
  interval_tree& operator=(const interval_tree&) = delete;

  [[nodiscard]] bool empty() const { return root_ == nullptr; }
  /// Its interval stays as it is until it is removed.
  void insert(interval_tree_node& node);
  void remove(interval_tree_node& node);
  void swap(interval_tree& other) {
    std::swap(root_, other.root_);
    std::swap(drawn_, other.drawn_);
  }

  /// The first interval that has a number of start … last, or null.
  [[nodiscard]] interval_tree_node* iter_first(uint64_t start, uint64_t last) const;
  /// The one after `node`.
  [[nodiscard]] static interval_tree_node* iter_next(const interval_tree_node& node, uint64_t start,
                                                     uint64_t last);

 private:
  using node = interval_tree_node;
  static node* search_below(node* from, uint64_t start, uint64_t last);
  static void update(node& n);
  void replace_child(node* parent, node* child, node* with);
  void rotate_up(node& n);
  uint64_t draw();

  node* root_ = nullptr;
  uint64_t drawn_ = 0x9e3779b97f4a7c15;
};

/// Linux include/linux/interval_tree.h: struct interval_tree_span_iter. Walks a range as runs that
/// intervals cover and holes between them, in turn.
struct interval_tree_span_iter {
  interval_tree_span_iter() = default;
  interval_tree_span_iter(const interval_tree& tree_, uint64_t first_index, uint64_t last_index_) {
    first(tree_, first_index, last_index_);
  }
  void first(const interval_tree& tree_, uint64_t first_index, uint64_t last_index_);
  void next();
  /// The same from `new_index` on.
  void advance(uint64_t new_index);
  [[nodiscard]] bool done() const { return is_hole < 0; }

  uint64_t start = 0;  ///< start_hole or start_used
  uint64_t last = 0;   ///< last_hole or last_used
  int is_hole = -1;    ///< 0: covered, -1: behind the end
  uint64_t last_index = 0;

 private:
  void find(uint64_t index);

  const interval_tree* tree = nullptr;
};

}  // namespace iommulab::v6_12
