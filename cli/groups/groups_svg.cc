// SPDX-License-Identifier: GPL-2.0-only
#include "cli/groups/groups_svg.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cli/groups/group_colours.h"
#include "cli/groups/svg_cards.h"
#include "cli/output/xml_text.h"

namespace iommulab {
namespace {

// A card, in pixels.
constexpr double card_inset = 14;
constexpr double card_row_height = 25;
constexpr double function_height = 20;
constexpr double card_line_height = 17;
constexpr double card_indent = 20;
constexpr double tree_stem = 8;       // from a box's left edge to the line down to its children
constexpr double text_baseline = 14;  // of text, from a box's upper edge
constexpr double card_gap = 8;
constexpr double chip_inset = 6;
constexpr double least_card_width = 400;
constexpr std::string_view colour_of_units = "#33415c";
constexpr std::string_view colour_of_frames = "#55555a";

/// A function in its row.
struct card_row {
  const topology_node* node = nullptr;
  size_t depth = 0;   ///< 1 on a root bus
  size_t parent = 0;  ///< its row; 0 is the card's head
};

void add_card_rows(const std::vector<topology_node>& nodes, size_t depth, size_t parent,
                   std::vector<card_row>& rows) {
  for (const topology_node& node : nodes) {
    rows.push_back({&node, depth, parent});
    add_card_rows(node.children, depth + 1, rows.size() - 1, rows);
  }
}

std::vector<card_row> card_rows_of(const topology_bus& bus) {
  std::vector<card_row> rows = {{}};
  add_card_rows(bus.nodes, 1, 0, rows);
  return rows;
}

double left_of_row(const card_row& row) {
  return card_inset + card_indent * static_cast<double>(row.depth);
}
double top_of_row(size_t row) {
  return card_inset + card_row_height * static_cast<double>(row);
}

std::vector<std::string> group_fills(const topology_node& node) {
  std::vector<std::string> fills;
  for (const int group : node.groups()) fills.push_back(group_colour(group));
  if (fills.empty()) fills.emplace_back(colour_without_group);
  return fills;
}

/// With a stripe of each of its colours below the text, where there are several; a pile where it
/// stands for several functions.
std::string function_box(double x, double y, double width, const topology_node& node) {
  constexpr double stripe_height = 4;
  const std::vector<std::string> fills = group_fills(node);
  const bool is_striped = fills.size() > 1;
  const bool has_region = !node.marks.regions.empty();
  std::string drawn;
  if (node.is_folded()) {
    drawn += svg_rect(x + 3, y + 3, width, function_height,
                      absl::StrFormat("fill=\"#ffffff\" stroke=\"%s\"", colour_of_frames));
  }
  drawn += svg_rect(
      x, y, width, function_height,
      absl::StrFormat("fill=\"%s\" stroke=\"%s\" stroke-width=\"%d\"",
                      is_striped ? "#ffffff" : fills.front(),
                      has_region ? colour_of_regions : colour_of_frames, has_region ? 2 : 1));
  if (!is_striped) return drawn;
  const double stripe = (width - 1) / static_cast<double>(fills.size());
  for (size_t i = 0; i < fills.size(); ++i) {
    drawn +=
        svg_rect(x + 0.5 + stripe * static_cast<double>(i), y + function_height - stripe_height,
                 stripe, stripe_height - 0.5, absl::StrFormat("fill=\"%s\"", fills[i]));
  }
  return drawn;
}

double chip_width_of(std::string_view words) {
  return svg_width(svg_font::small, words) + 2 * chip_inset;
}

/// A rounded label: with a ground of `colour` where it is strong, else framed.
std::string svg_chip(double x, double y, std::string_view words, std::string_view colour,
                     bool is_strong) {
  return svg_rect(x, y + 1, chip_width_of(words), function_height - 2,
                  absl::StrFormat("rx=\"9\" fill=\"%s\" stroke=\"%s\"",
                                  is_strong ? colour : "#ffffff", colour)) +
         absl::StrFormat("<g fill=\"%s\">", is_strong ? "#ffffff" : colour) +
         svg_text_around(x + chip_width_of(words) / 2, y + text_baseline, svg_font::small, words) +
         "</g>\n";
}

class groups_drawing {
 public:
  explicit groups_drawing(const groups_picture& picture) : picture_(picture) { measure(); }

  std::string draw() {
    std::vector<svg_card> cards;
    for (const topology_bus& bus : picture_.topology.buses) cards.push_back(card_of(bus));
    cards.push_back(legend());
    return svg_of_cards(picture_.title, summary_words(picture_), card_width_, cards);
  }

 private:
  [[nodiscard]] double width_in_box(const topology_node& node) const {
    return svg_width(svg_font::mono, address_words(picture_, node)) +
           svg_width(svg_font::plain, kind_words(node)) +
           svg_width(svg_font::small, id_words(node)) +
           svg_width(svg_font::bold, group_words(node)) + 6 * card_gap;
  }

  void measure() {
    double right = least_card_width;
    double regions = 0;
    for (const topology_bus& bus : picture_.topology.buses) {
      for (const card_row& row : card_rows_of(bus)) {
        if (row.node == nullptr) continue;
        right = std::max(right, left_of_row(row) + width_in_box(*row.node));
        const std::string words = region_words(*row.node);
        if (!words.empty()) regions = std::max(regions, chip_width_of(words) + card_gap);
      }
    }
    const size_t units = picture_.topology.units.size();
    box_right_ = right;
    units_left_ = right + card_gap;
    regions_left_ = units_left_ + (units == 0 ? 0 : chip_width_of(unit_name(units)) + card_gap);
    card_width_ = regions_left_ + regions - card_gap + card_inset;
  }

  [[nodiscard]] std::string tooltip(const topology_node& node) const {
    std::string text;
    for (const std::string& line : detail_lines(picture_, node)) {
      if (!text.empty()) text += '\n';
      text += xml_text(line);
    }
    return "<title>" + text + "</title>\n";
  }

  [[nodiscard]] std::string words_in_box(double x, double y, const topology_node& node) const {
    std::string drawn =
        svg_text(x + card_gap, y + text_baseline, svg_font::mono, address_words(picture_, node));
    x += card_gap + svg_width(svg_font::mono, address_words(picture_, node)) + card_gap;
    drawn += absl::StrFormat(
        "<text x=\"%.1f\" y=\"%.1f\" class=\"p\">%s <tspan class=\"s\">%s</tspan></text>\n", x,
        y + text_baseline, xml_text(kind_words(node)), xml_text(id_words(node)));
    return drawn + svg_text_before(box_right_ - card_gap, y + text_baseline, svg_font::bold,
                                   group_words(node));
  }

  [[nodiscard]] std::string function(const card_row& row, double y) const {
    const topology_node& node = *row.node;
    const double x = left_of_row(row);
    std::string drawn = "<g class=\"node\">\n" + tooltip(node);
    drawn += function_box(x, y, box_right_ - x, node) + words_in_box(x, y, node);
    if (node.marks.unit) {
      drawn += svg_chip(units_left_, y, unit_name(*node.marks.unit), colour_of_units,
                        node.marks.is_named());
    }
    const std::string regions = region_words(node);
    if (!regions.empty()) drawn += svg_chip(regions_left_, y, regions, colour_of_regions, true);
    return drawn + "</g>\n";
  }

  [[nodiscard]] svg_card card_of(const topology_bus& bus) const {
    const std::vector<card_row> rows = card_rows_of(bus);
    svg_card card{2 * card_inset + card_row_height * static_cast<double>(rows.size()) - 5, ""};
    card.body =
        svg_text(card_inset, card_inset + text_baseline, svg_font::bold, bus_words(picture_, bus));
    std::vector<double> line_end(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) line_end[i] = top_of_row(i) + function_height;
    for (size_t i = 1; i < rows.size(); ++i) {
      double& from = line_end[rows[i].parent];
      const double middle = top_of_row(i) + function_height / 2;
      absl::StrAppendFormat(&card.body, "<path class=\"line\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n",
                            left_of_row(rows[rows[i].parent]) + tree_stem, from, middle,
                            left_of_row(rows[i]));
      from = middle;
    }
    for (size_t i = 1; i < rows.size(); ++i) card.body += function(rows[i], top_of_row(i));
    return card;
  }

  /// A line of text on the card at `y`, or several where it does not fit; `y` is left below.
  void add_words(const std::string& words, double& y, std::string& body) const {
    constexpr std::string_view continued = "    ";
    const std::vector<std::string> all = absl::StrSplit(words, ' ', absl::SkipEmpty());
    std::string line;
    for (size_t i = 0; i < all.size(); ++i) {
      line += (i == 0 ? "" : " ") + all[i];
      const std::string longer = i + 1 < all.size() ? line + " " + all[i + 1] : "";
      const bool fits = svg_width(svg_font::plain, longer) <= card_width_ - 2 * card_inset;
      if (fits && !longer.empty()) continue;
      body += svg_text(card_inset, y + text_baseline, svg_font::plain, line);
      y += card_line_height;
      line = continued;
    }
  }

  void add_sample(std::string_view drawn, std::string_view words, double& y,
                  std::string& body) const {
    constexpr double samples_width = 78;
    body += drawn;
    body += svg_text(card_inset + samples_width, y + text_baseline, svg_font::plain, words);
    y += card_row_height;
  }

  void add_samples(double& y, std::string& body) const {
    constexpr double width = 60;
    topology_node sample;
    sample.members = {{{}, 0}};
    add_sample(function_box(card_inset, y, width, sample), "a function, in its group's colour", y,
               body);
    sample.members = {{{}, std::nullopt}};
    add_sample(function_box(card_inset, y, width, sample), "without a group", y, body);
    sample.members = {{{}, 0}, {{}, 1}, {{}, 2}};
    add_sample(function_box(card_inset, y, width, sample), "several alike, here of three groups", y,
               body);
    const group_topology& topology = picture_.topology;
    if (!topology.units.empty()) {
      add_sample(svg_chip(card_inset, y, unit_name(0), colour_of_units, false),
                 "its remapping unit, by a bridge or INCLUDE_PCI_ALL", y, body);
      add_sample(svg_chip(card_inset, y, unit_name(0), colour_of_units, true),
                 "its remapping unit: a scope names it", y, body);
    }
    if (topology.regions.empty()) return;
    add_sample(svg_chip(card_inset, y, "RMRR 0", colour_of_regions, true),
               "reserved memory: a scope names it", y, body);
  }

  [[nodiscard]] svg_card legend() const {
    std::string body = svg_text(card_inset, card_inset + text_baseline, svg_font::bold, "Legend");
    double y = card_inset + card_row_height;
    add_samples(y, body);
    y += card_gap;
    for (size_t i = 0; i < picture_.topology.units.size(); ++i) {
      add_words(unit_line(picture_, i), y, body);
    }
    for (size_t i = 0; i < picture_.topology.regions.size(); ++i) {
      add_words(region_line(picture_, i), y, body);
    }
    for (const std::string& note : picture_.notes) add_words(note, y, body);
    return {y + card_inset - 3, body};
  }

  const groups_picture& picture_;
  double box_right_ = 0;
  double units_left_ = 0;
  double regions_left_ = 0;
  double card_width_ = 0;
};

}  // namespace

std::string groups_svg(const groups_picture& picture) {
  return groups_drawing(picture).draw();
}

}  // namespace iommulab
