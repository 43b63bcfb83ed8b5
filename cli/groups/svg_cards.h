// SPDX-License-Identifier: GPL-2.0-only
//
// A picture of cards as an SVG document: each card was drawn by itself; they stand in columns, in
// their order, so that the whole is about as wide as a screen is. Depends on nothing: no script, no
// font of its own, a white ground.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace iommulab {

/// What was drawn on it, from its upper left corner on, in pixels.
struct svg_card {
  double height = 0;
  std::string body;
};

/// How text looks. What it takes is not known before it is shown: widths are those of wide fonts.
enum class svg_font { plain, bold, mono, small };
double svg_width(svg_font font, std::string_view text);
/// `text`, not yet escaped, from x on, on the line at y.
std::string svg_text(double x, double y, svg_font font, std::string_view text);
/// The same with its middle at x, and up to x.
std::string svg_text_around(double x, double y, svg_font font, std::string_view text);
std::string svg_text_before(double x, double y, svg_font font, std::string_view text);
/// `style` is attributes.
std::string svg_rect(double x, double y, double width, double height, std::string_view style);

/// All cards are `card_width` wide. Titles are not yet escaped.
std::string svg_of_cards(std::string_view title, std::string_view subtitle, double card_width,
                         const std::vector<svg_card>& cards);

}  // namespace iommulab
