// SPDX-License-Identifier: GPL-2.0-only
//
// One line of a normalised listing, with the place that it came from. Comparisons look at the
// text alone; the number is for the report.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace iommulab {

struct numbered_line {
  size_t line = 0;   ///< 1-based line of the capture file, or index of the run's event or line
  std::string text;  ///< normalised
};

using numbered_lines = std::vector<numbered_line>;

}  // namespace iommulab
