// SPDX-License-Identifier: GPL-2.0-only
//
// A chart of lines as an SVG document: axes with ticks and grid, a legend, logarithmic where
// asked. Depends on nothing, the same to the byte for the same data.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace iommulab {

struct chart_axis {
  std::string title;
  bool logarithmic = false;
};

struct chart_line {
  std::string name;
  std::vector<std::pair<double, double>> points;  ///< x and y, ascending in x
};

struct chart {
  std::string title;
  std::string description;  ///< how to make it again
  chart_axis x;
  chart_axis y;
  std::vector<chart_line> lines;
};

/// What is 0 or less lies on the lower edge of a logarithmic axis.
std::string chart_svg(const chart& chart);

}  // namespace iommulab
