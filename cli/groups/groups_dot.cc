// SPDX-License-Identifier: GPL-2.0-only
#include "cli/groups/groups_dot.h"

#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/groups/group_colours.h"
#include "cli/output/clean_text.h"

namespace iommulab {
namespace {

/// For a string with quotation marks. Graphviz takes a backslash for its own escapes and an
/// ampersand for an entity.
std::string dot_text(std::string_view text) {
  return absl::StrReplaceAll(plain_text(text), {{"\\", "\\\\"}, {"\"", "\\\""}, {"&", "&amp;"}});
}

/// Lines, each behind the one before it by Graphviz's escape `end`: \n for middle, \l for left.
std::string dot_lines(const std::vector<std::string>& lines, const std::string& end) {
  return absl::StrJoin(lines, end,
                       [](std::string* out, const std::string& line) { *out += dot_text(line); });
}

std::string dot_name(const topology_node& node) {
  return absl::StrFormat("\"%s\"", to_string(node.id()));
}

std::vector<std::string> dot_label_lines(const groups_picture& picture, const topology_node& node) {
  const topology_marks& marks = node.marks;
  std::string first = address_words(picture, node) + ", " + group_words(node);
  if (marks.unit) first += ", " + unit_name(*marks.unit) + (marks.is_named() ? " (named)" : "");
  std::vector<std::string> lines = {first, kind_words(node) + " " + id_words(node)};
  if (!marks.regions.empty()) lines.push_back(region_words(node));
  return lines;
}

/// Attributes that are not those of every node.
std::string dot_look(const topology_node& node) {
  const std::vector<int> groups = node.groups();
  std::string look;
  if (groups.size() > 1) {  // from the first one's colour to the last one's
    look = absl::StrFormat(", fillcolor=\"%s:%s\"", group_colour(groups.front()),
                           group_colour(groups.back()));
  } else if (groups.size() == 1) {
    look = absl::StrFormat(", fillcolor=\"%s\"", group_colour(groups.front()));
  }
  if (node.is_folded()) look += ", peripheries=2";
  if (!node.marks.regions.empty()) {
    look += absl::StrFormat(", color=\"%s\", penwidth=2", colour_of_regions);
  }
  return look;
}

void add_dot_nodes(const groups_picture& picture, const std::vector<topology_node>& nodes,
                   std::string& text) {
  for (const topology_node& node : nodes) {
    absl::StrAppendFormat(&text, "    %s [label=\"%s\", tooltip=\"%s\"%s];\n", dot_name(node),
                          dot_lines(dot_label_lines(picture, node), "\\n"),
                          dot_lines(detail_lines(picture, node), "\\n"), dot_look(node));
    add_dot_nodes(picture, node.children, text);
    // From left to right Graphviz draws the first at the bottom, clusters too.
    for (auto child = node.children.rbegin(); child != node.children.rend(); ++child) {
      absl::StrAppendFormat(&text, "    %s -> %s;\n", dot_name(node), dot_name(*child));
    }
  }
}

/// Above the picture: a node as wide as that would push the others apart.
std::vector<std::string> dot_head_lines(const groups_picture& picture) {
  std::vector<std::string> lines = {picture.title, summary_words(picture)};
  const group_topology& topology = picture.topology;
  for (size_t i = 0; i < topology.units.size(); ++i) lines.push_back(unit_line(picture, i));
  if (!topology.units.empty()) lines.emplace_back("(named): a scope of the unit names it");
  for (size_t i = 0; i < topology.regions.size(); ++i) lines.push_back(region_line(picture, i));
  lines.insert(lines.end(), picture.notes.begin(), picture.notes.end());
  return lines;
}

}  // namespace

std::string groups_dot(const groups_picture& picture) {
  std::string text = absl::StrFormat(
      "digraph iommu_groups {\n"
      "  graph [rankdir=LR, ordering=out, ranksep=0.4, nodesep=0.1, bgcolor=\"#ffffff\", "
      "fontname=\"sans-serif\", fontcolor=\"%s\", labelloc=t, labeljust=l, label=\"%s\\l\"];\n"
      "  node [shape=box, style=filled, fillcolor=\"%s\", color=\"#55555a\", fontcolor=\"%s\", "
      "fontname=\"sans-serif\", fontsize=10, margin=\"0.12,0.04\"];\n"
      "  edge [arrowhead=none, color=\"#77777a\"];\n",
      colour_of_text, dot_lines(dot_head_lines(picture), "\\l"), colour_without_group,
      colour_of_text);
  const std::vector<topology_bus>& buses = picture.topology.buses;
  for (auto bus = buses.rbegin(); bus != buses.rend(); ++bus) {
    absl::StrAppendFormat(&text,
                          "  subgraph \"cluster_%04x:%02x\" {\n"
                          "    label=\"%s\"; color=\"#c4c4c0\"; bgcolor=\"#f7f7f5\";\n",
                          bus->root.segment, bus->root.bus, dot_text(bus_words(picture, *bus)));
    add_dot_nodes(picture, bus->nodes, text);
    text += "  }\n";
  }
  return text + "}\n";
}

}  // namespace iommulab
