// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/interval_tree.h"

#include <algorithm>

namespace iommulab::v6_12 {

uint64_t interval_tree::draw() {
  drawn_ ^= drawn_ << 13;
  drawn_ ^= drawn_ >> 7;
  drawn_ ^= drawn_ << 17;
  return drawn_;
}

void interval_tree::update(node& n) {
  n.subtree_last_ = n.last;
  if (n.left_ != nullptr) n.subtree_last_ = std::max(n.subtree_last_, n.left_->subtree_last_);
  if (n.right_ != nullptr) n.subtree_last_ = std::max(n.subtree_last_, n.right_->subtree_last_);
}

void interval_tree::replace_child(node* parent, node* child, node* with) {
  if (parent == nullptr) {
    root_ = with;
  } else if (parent->left_ == child) {
    parent->left_ = with;
  } else {
    parent->right_ = with;
  }
  if (with != nullptr) with->parent_ = parent;
}

/// The node takes its parent's place, and the parent goes below it.
void interval_tree::rotate_up(node& n) {
  node& down = *n.parent_;
  replace_child(down.parent_, &down, &n);
  if (down.left_ == &n) {
    down.left_ = n.right_;
    if (n.right_ != nullptr) n.right_->parent_ = &down;
    n.right_ = &down;
  } else {
    down.right_ = n.left_;
    if (n.left_ != nullptr) n.left_->parent_ = &down;
    n.left_ = &down;
  }
  down.parent_ = &n;
  update(down);
  update(n);
}

void interval_tree::insert(interval_tree_node& n) {
  n.left_ = n.right_ = n.parent_ = nullptr;
  n.priority_ = draw();
  n.subtree_last_ = n.last;
  node** place = &root_;
  while (*place != nullptr) {
    node& above = **place;
    n.parent_ = &above;
    above.subtree_last_ = std::max(above.subtree_last_, n.last);
    place = n.start < above.start ? &above.left_ : &above.right_;
  }
  *place = &n;
  while (n.parent_ != nullptr && n.parent_->priority_ < n.priority_) rotate_up(n);
}

void interval_tree::remove(interval_tree_node& n) {
  while (n.left_ != nullptr && n.right_ != nullptr) {
    rotate_up(n.left_->priority_ > n.right_->priority_ ? *n.left_ : *n.right_);
  }
  node* const above = n.parent_;
  replace_child(above, &n, n.left_ != nullptr ? n.left_ : n.right_);
  for (node* at = above; at != nullptr; at = at->parent_) update(*at);
  n.left_ = n.right_ = n.parent_ = nullptr;
}

interval_tree_node* interval_tree::search_below(node* from, uint64_t start, uint64_t last) {
  for (node* at = from;;) {
    // Something to the left reaches `start`: if it begins too late, so does all that follows.
    if (at->left_ != nullptr && at->left_->subtree_last_ >= start) {
      at = at->left_;
      continue;
    }
    if (at->start > last) return nullptr;
    if (at->last >= start) return at;
    if (at->right_ == nullptr || at->right_->subtree_last_ < start) return nullptr;
    at = at->right_;
  }
}

interval_tree_node* interval_tree::iter_first(uint64_t start, uint64_t last) const {
  if (root_ == nullptr || root_->subtree_last_ < start) return nullptr;
  return search_below(root_, start, last);
}

interval_tree_node* interval_tree::iter_next(const interval_tree_node& n, uint64_t start,
                                             uint64_t last) {
  const node* at = &n;
  for (;;) {
    node* const right = at->right_;
    if (right != nullptr && right->subtree_last_ >= start) return search_below(right, start, last);
    const node* below = at;
    node* above = at->parent_;
    while (above != nullptr && above->right_ == below) {
      below = above;
      above = above->parent_;
    }
    if (above == nullptr || above->start > last) return nullptr;
    if (above->last >= start) return above;
    at = above;
  }
}

void interval_tree_span_iter::find(uint64_t index) {
  start = index;
  const interval_tree_node* node = tree->iter_first(index, last_index);
  if (node == nullptr || node->start > index) {
    is_hole = 1;
    last = node == nullptr ? last_index : node->start - 1;
    return;
  }
  is_hole = 0;
  last = node->last;
  // What touches or overlaps the run is a part of it.
  for (;;) {
    node = interval_tree::iter_next(*node, index, last_index);
    if (node == nullptr || (node->start > last && node->start != last + 1)) break;
    last = std::max(last, node->last);
  }
  last = std::min(last, last_index);
}

void interval_tree_span_iter::first(const interval_tree& tree_, uint64_t first_index,
                                    uint64_t last_index_) {
  tree = &tree_;
  last_index = last_index_;
  find(first_index);
}

void interval_tree_span_iter::next() {
  if (last >= last_index) {
    is_hole = -1;
    return;
  }
  find(last + 1);
}

void interval_tree_span_iter::advance(uint64_t new_index) {
  if (done()) return;
  if (new_index > last_index) {
    is_hole = -1;
    return;
  }
  if (start <= new_index && new_index <= last) {
    start = new_index;
    return;
  }
  find(new_index);
}

}  // namespace iommulab::v6_12
