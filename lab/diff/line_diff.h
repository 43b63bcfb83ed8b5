// SPDX-License-Identifier: GPL-2.0-only
//
// The shortest edit script between two lists of lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace iommulab {

struct diff_line {
  enum class side : char { both = ' ', left = '-', right = '+' };
  side where = side::both;
  std::string text;
  bool operator==(const diff_line&) const = default;
};

/// Which list each line of the two is in, in order; where lines differ, the left ones first. As few
/// as can be are marked left or right, by dtl's algorithm (Wu, Manber, Myers, "An O(NP) Sequence
/// Comparison Algorithm", 1990). Lists with very many lines in another order get more marks than
/// that: dtl's path has an end.
std::vector<diff_line::side> diff_script(absl::Span<const std::string_view> left,
                                         absl::Span<const std::string_view> right);

/// All lines of both, in order, each marked by where it is.
std::vector<diff_line> diff_lines(const std::vector<std::string>& left,
                                  const std::vector<std::string>& right);

/// For a terminal: differing lines with `context` equal ones around them, "  ..." where equal
/// lines are left out. Empty when nothing differs.
std::string diff_to_text(const std::vector<diff_line>& lines, size_t context = 2);

}  // namespace iommulab
