// SPDX-License-Identifier: GPL-2.0-only
//
// The tree under the searches: after every change it is looked at node by node.
#include "iova/linux/range_tree.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace iommulab {
namespace {

/// The black nodes on every way down from `node`, itself included; -1 when two ways differ, a red
/// node has a red child, or a child names another parent.
int black_height(const iova* node, const iova* parent) {
  if (node == nullptr) return 0;
  if (node->parent != parent) return -1;
  for (const iova* child : node->children) {
    if (node->red && child != nullptr && child->red) return -1;
  }
  const int below = black_height(node->children[0], node);
  const int above = black_height(node->children[1], node);
  if (below < 0 || below != above) return -1;
  return below + (node->red ? 0 : 1);
}

/// The nodes of the tree in the order of their places in it.
void in_order(const iova* node, std::vector<const iova*>& nodes) {
  if (node == nullptr) return;
  in_order(node->children[0], nodes);
  nodes.push_back(node);
  in_order(node->children[1], nodes);
}

void expect_sound(const range_tree& tree, size_t size) {
  const iova* anchor = tree.anchor();
  const iova* root = anchor->parent;
  std::vector<const iova*> nodes;
  in_order(root, nodes);
  ASSERT_EQ(nodes.size(), size);
  if (root == nullptr) {
    EXPECT_EQ(anchor->next, anchor);
    EXPECT_EQ(anchor->prev, anchor);
    return;
  }
  EXPECT_FALSE(root->red);
  ASSERT_GE(black_height(root, anchor), 0);
  EXPECT_EQ(anchor->children[0], nodes.front());
  EXPECT_EQ(anchor->children[1], nodes.back());
  const iova* before = anchor;
  for (const iova* node : nodes) {
    EXPECT_EQ(node->prev, before);
    EXPECT_EQ(before->next, node);
    if (before != anchor) {
      EXPECT_LT(before->pfn_hi, node->pfn_lo);
    }
    before = node;
  }
  EXPECT_EQ(before->next, anchor);
  EXPECT_EQ(anchor->prev, before);
}

TEST(range_tree, stays_balanced_and_in_order_at_random_places) {
  constexpr size_t count = 400;
  std::vector<iova> nodes(count);
  std::vector<bool> inside(count, false);
  for (size_t i = 0; i < count; ++i) nodes[i].pfn_lo = nodes[i].pfn_hi = 10 * i;
  range_tree tree;
  std::mt19937 random(4);
  size_t size = 0;
  for (int step = 0; step < 4000; ++step) {
    const size_t i = random() % count;
    if (inside[i]) {
      tree.erase(nodes[i]);
      --size;
    } else {
      tree.insert(nodes[i]);
      ++size;
    }
    inside[i] = !inside[i];
    ASSERT_NO_FATAL_FAILURE(expect_sound(tree, size)) << "step " << step;
  }
}

// What rings do: each node goes and another comes into its place, from the top down.
TEST(range_tree, stays_balanced_as_a_ring_goes_round) {
  constexpr size_t count = 65;
  std::vector<iova> nodes(count);
  range_tree tree;
  for (size_t i = 0; i < count; ++i) {
    nodes[i].pfn_lo = nodes[i].pfn_hi = count - i;
    tree.insert_below(*tree.first(), nodes[i]);
    ASSERT_NO_FATAL_FAILURE(expect_sound(tree, i + 1));
  }
  for (size_t step = 0; step < 5 * count; ++step) {
    iova& oldest = nodes[step % count];
    iova* above = oldest.next;
    tree.erase(oldest);
    ASSERT_NO_FATAL_FAILURE(expect_sound(tree, count - 1)) << "step " << step;
    tree.insert_below(*above, oldest);
    ASSERT_NO_FATAL_FAILURE(expect_sound(tree, count)) << "step " << step;
  }
}

TEST(range_tree, empties_and_fills_again) {
  range_tree tree;
  std::vector<iova> nodes(3);
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < nodes.size(); ++i) {
      nodes[i].pfn_lo = nodes[i].pfn_hi = 5 + i;
      tree.insert(nodes[i]);
      expect_sound(tree, i + 1);
    }
    for (size_t i = nodes.size(); i-- > 0;) {
      tree.erase(nodes[i]);
      expect_sound(tree, i);
    }
    EXPECT_TRUE(tree.empty());
  }
}

}  // namespace
}  // namespace iommulab
