// SPDX-License-Identifier: GPL-2.0-only
//
// The shortest edit script between two lists of lines.
#pragma once

#include <string>
#include <vector>

namespace iommulab {

struct diff_line {
  enum class side : char { both = ' ', left = '-', right = '+' };
  side where = side::both;
  std::string text;
  bool operator==(const diff_line&) const = default;
};

/// All lines of both, in order, each marked by where it is. As few as can be are marked left or
/// right (Myers, "An O(ND) Difference Algorithm", 1986). Memory grows with the square of the
/// number of differences; from `limit` on the rest of the lists is given as removed and added.
std::vector<diff_line> diff_lines(const std::vector<std::string>& left,
                                  const std::vector<std::string>& right, size_t limit = 4000);

/// For a terminal: differing lines with `context` equal ones around them, "  ..." where equal
/// lines are left out. Empty when nothing differs.
std::string diff_to_text(const std::vector<diff_line>& lines, size_t context = 2);

}  // namespace iommulab
