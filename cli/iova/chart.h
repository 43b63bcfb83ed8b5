// SPDX-License-Identifier: GPL-2.0-only
//
// A chart of lines as an SVG document: axes that fit the data, marks where something was measured,
// bands of the quartiles, a legend as wide as its names. Depends on nothing, the same to the byte
// for the same data.
//
// A line under another shows: it is wider, the upper one is dashed, its marks are larger, and the
// legend names the line that it is the same as.
#pragma once

#include <string>
#include <vector>

namespace iommulab {

struct chart_axis {
  std::string title;
  bool logarithmic = false;
  /// Ticks stand at the measured values, as far as there is room for their numbers.
  bool ticks_at_values = false;
};

struct chart_point {
  double x = 0;
  double y = 0;
  double lower = 0;  ///< quartiles of y; both 0: it is exact
  double upper = 0;
};

struct chart_line {
  std::string name;
  std::vector<chart_point> points;  ///< ascending in x
};

struct chart {
  std::string title;
  std::string description;         ///< how to make it again
  std::vector<std::string> words;  ///< lines of text above and …
  std::vector<std::string> notes;  ///< … below the axes, that explain what they name
  chart_axis x;
  chart_axis y;
  std::vector<chart_line> lines;
};

/// On a logarithmic axis what is 0 or less lies on a line of its own, below a break in the axis.
std::string chart_svg(const chart& chart);

}  // namespace iommulab
