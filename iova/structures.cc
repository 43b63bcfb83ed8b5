// SPDX-License-Identifier: GPL-2.0-only
#include "iova/structures.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

/// A node by its frames; the anchor stands for the tree's root and is no node.
structure_link link_to_node(const range_tree& tree, const iova* node) {
  if (node == nullptr || node == tree.anchor()) return {"iova", ""};
  return {"iova", trace_word(*node)};
}

/// "free from 0x1 to 0xfedff".
std::string gap_words(uint64_t first, uint64_t end) {
  return first >= end ? "" : absl::StrFormat("free from 0x%x to 0x%x", first, end - 1);
}

/// `free_from`: the first frame that the node below leaves free.
structure node_structure(const range_tree& tree, const iova& node, uint64_t free_from) {
  structure s{"iova", trace_word(node), {}};
  s.add("pfn_lo", node.pfn_lo).add("pfn_hi", node.pfn_hi);
  s.add("gap_below", node.pfn_lo - std::min(free_from, node.pfn_lo),
        gap_words(free_from, node.pfn_lo));
  structure place{"rb_node", "", {}};
  place.add("colour", std::string(node.red ? "red" : "black"))
      .add("parent", link_to_node(tree, node.parent))
      .add("rb_left", link_to_node(tree, node.children[0]))
      .add("rb_right", link_to_node(tree, node.children[1]));
  s.add("node", std::move(place));
  return s;
}

}  // namespace

structure structure_of(const iova_domain& iovad, std::string name,
                       std::string_view field) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  const range_tree& tree = iovad.ranges.tree;
  const cached32_search& search = iovad.ranges.search;
  structure s{"iova_domain", std::move(name), {}};
  s.add("rbroot", link_to_node(tree, tree.anchor()->parent));
  s.add("cached32_node", link_to_node(tree, search.cached32_node));
  s.add("granule", iovad.granule);
  s.add("start_pfn", search.start_pfn);
  s.add("dma_32bit_pfn", search.dma_32bit_pfn);
  if (!field.empty() && field != "nodes") return s;
  structure_list nodes;
  uint64_t free_from = search.start_pfn;
  for (const iova& node : tree) {
    nodes.emplace_back(node_structure(tree, node, free_from));
    free_from = node.pfn_hi + 1;
  }
  s.add("nodes", std::move(nodes));
  return s;
}

}  // namespace iommulab
