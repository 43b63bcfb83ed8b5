// SPDX-License-Identifier: GPL-2.0-only
#include "cli/groups/svg_cards.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "cli/groups/group_colours.h"
#include "cli/output/xml_text.h"

namespace iommulab {
namespace {

constexpr double card_margin = 16;
constexpr double picture_head = 62;
constexpr double picture_ratio = 1.5;  // of width to height
constexpr size_t most_card_columns = 6;

/// Characters, not bytes: all but those that go on with one (RFC 3629, 3).
size_t characters_in(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xc0u) != 0x80u;
  }));
}

std::string_view svg_class_of(svg_font font) {
  switch (font) {
    case svg_font::bold:
      return "b";
    case svg_font::mono:
      return "m";
    case svg_font::small:
      return "s";
    default:
      return "p";
  }
}

struct card_column {
  size_t begin = 0;
  size_t end = 0;
  double height = 0;
};

/// Cards in their order, a further column where one would be higher than `highest`.
std::vector<card_column> card_columns_below(const std::vector<svg_card>& cards, double highest) {
  std::vector<card_column> columns = {{}};
  for (size_t i = 0; i < cards.size(); ++i) {
    if (columns.back().end > columns.back().begin &&
        columns.back().height + cards[i].height > highest) {
      columns.push_back({i, i, 0});
    }
    columns.back().end = i + 1;
    columns.back().height += cards[i].height + card_margin;
  }
  return columns;
}

double height_of_columns(const std::vector<card_column>& columns) {
  double height = 0;
  for (const card_column& each : columns) height = std::max(height, each.height);
  return height;
}

double width_of_columns(const std::vector<card_column>& columns, double card_width) {
  return card_margin + static_cast<double>(columns.size()) * (card_width + card_margin);
}

/// Whose ratio of width to height is nearest to the wanted one.
std::vector<card_column> best_card_columns(const std::vector<svg_card>& cards, double card_width) {
  const double whole = height_of_columns(card_columns_below(cards, HUGE_VAL));
  std::vector<card_column> best = card_columns_below(cards, HUGE_VAL);
  const auto distance = [&](const std::vector<card_column>& columns) {
    const double ratio =
        width_of_columns(columns, card_width) / (picture_head + height_of_columns(columns));
    return std::abs(std::log(ratio / picture_ratio));
  };
  constexpr int steps = 200;
  for (int i = 1; i < steps; ++i) {
    std::vector<card_column> tried = card_columns_below(cards, whole * i / steps);
    if (tried.size() <= most_card_columns && distance(tried) < distance(best))
      best = std::move(tried);
  }
  return best;
}

constexpr std::string_view style_of_cards =
    "text{white-space:pre} .p{font-family:sans-serif;font-size:12px} "
    ".b{font-family:sans-serif;font-size:12px;font-weight:bold} "
    ".m{font-family:monospace;font-size:12px;font-weight:bold} "
    ".s{font-family:sans-serif;font-size:11px} "
    ".h{font-family:sans-serif;font-size:18px;font-weight:bold} "
    ".card{fill:#f7f7f5;stroke:#c4c4c0} .line{fill:none;stroke:#77777a}";

std::string anchored_text(double x, double y, svg_font font, std::string_view anchor,
                          std::string_view text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">%s</text>\n",
                         x, y, anchor, svg_class_of(font), xml_text(text));
}

}  // namespace

double svg_width(svg_font font, std::string_view text) {
  const auto count = static_cast<double>(characters_in(text));
  switch (font) {
    case svg_font::bold:
      return 7.6 * count;
    case svg_font::mono:
      return 7.3 * count;
    case svg_font::small:
      return 6.4 * count;
    default:
      return 6.9 * count;
  }
}

std::string svg_text(double x, double y, svg_font font, std::string_view text) {
  return anchored_text(x, y, font, "start", text);
}

std::string svg_text_around(double x, double y, svg_font font, std::string_view text) {
  return anchored_text(x, y, font, "middle", text);
}

std::string svg_text_before(double x, double y, svg_font font, std::string_view text) {
  return anchored_text(x, y, font, "end", text);
}

std::string svg_rect(double x, double y, double width, double height, std::string_view style) {
  return absl::StrFormat("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" %s/>\n", x, y,
                         width, height, style);
}

std::string svg_of_cards(std::string_view title, std::string_view subtitle, double card_width,
                         const std::vector<svg_card>& cards) {
  const std::vector<card_column> columns = best_card_columns(cards, card_width);
  constexpr double title_letter = 12;
  const double title_width = title_letter * static_cast<double>(characters_in(title));
  const double width = std::max(width_of_columns(columns, card_width), title_width);
  const double height = picture_head + height_of_columns(columns);
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
      "viewBox=\"0 0 %.0f %.0f\" fill=\"%s\">\n<title>%s</title>\n<style>%s</style>\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
      "<text x=\"%.0f\" y=\"28\" class=\"h\">%s</text>\n",
      width, height, width, height, colour_of_text, xml_text(title), style_of_cards, card_margin,
      xml_text(title));
  svg += svg_text(card_margin, 48, svg_font::plain, subtitle);
  double x = card_margin;
  for (const card_column& each : columns) {
    double y = picture_head;
    for (size_t i = each.begin; i < each.end; ++i) {
      absl::StrAppendFormat(&svg, "<g transform=\"translate(%.1f %.1f)\">\n", x, y);
      svg += svg_rect(0, 0, card_width, cards[i].height, "rx=\"6\" class=\"card\"");
      svg += cards[i].body + "</g>\n";
      y += cards[i].height + card_margin;
    }
    x += card_width + card_margin;
  }
  return svg + "</svg>\n";
}

}  // namespace iommulab
