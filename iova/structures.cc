// SPDX-License-Identifier: GPL-2.0-only
#include "iova/structures.h"

#include <utility>

namespace iommulab {
namespace {

/// A node by its frames; the anchor stands for the tree's root and is no node.
structure_link link_to_node(const range_tree& tree, const iova* node) {
  if (node == nullptr || node == tree.anchor()) return {"iova", ""};
  return {"iova", trace_word(*node)};
}

structure node_structure(const range_tree& tree, const iova& node) {
  structure s{"iova", trace_word(node), {}};
  s.add("pfn_lo", node.pfn_lo).add("pfn_hi", node.pfn_hi);
  structure place{"rb_node", "", {}};
  place.add("colour", std::string(node.red ? "red" : "black"))
      .add("parent", link_to_node(tree, node.parent))
      .add("rb_left", link_to_node(tree, node.children[0]))
      .add("rb_right", link_to_node(tree, node.children[1]));
  s.add("node", std::move(place));
  return s;
}

}  // namespace

structure structure_of(const iova_domain& iovad, std::string name) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  const range_tree& tree = iovad.ranges.tree;
  const cached32_search& search = iovad.ranges.search;
  structure s{"iova_domain", std::move(name), {}};
  structure_list nodes;
  for (const iova& node : tree) nodes.emplace_back(node_structure(tree, node));
  s.add("rbroot", link_to_node(tree, tree.anchor()->parent));
  s.add("cached32_node", link_to_node(tree, search.cached32_node));
  s.add("granule", iovad.granule);
  s.add("start_pfn", search.start_pfn);
  s.add("dma_32bit_pfn", search.dma_32bit_pfn);
  s.add("nodes", std::move(nodes));
  return s;
}

}  // namespace iommulab
