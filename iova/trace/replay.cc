// SPDX-License-Identifier: GPL-2.0-only
#include "iova/trace/replay.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace iommulab {

std::string iova_difference_text(const iova_difference& difference) {
  std::string text =
      absl::StrFormat("line %d: %s\n  expected: %s\n  got:      %s\n", difference.line,
                      difference.operation, difference.expected, difference.got);
  if (!difference.state.empty()) absl::StrAppendFormat(&text, "  state:    %s\n", difference.state);
  absl::StrAppendFormat(&text, "  in use around 0x%x:%s\n", difference.frame,
                        difference.neighbours.empty() ? " nothing" : "");
  for (const iova_range& range : difference.neighbours) {
    const bool here = range.lo <= difference.frame && difference.frame <= range.hi;
    absl::StrAppendFormat(&text, "  %c 0x%x 0x%x\n", here ? '>' : ' ', range.lo, range.hi);
  }
  return text;
}

std::vector<iova_range> iova_neighbours(absl::Span<const iova_range> ascending, uint64_t frame,
                                        size_t each_side) {
  const auto above =
      std::upper_bound(ascending.begin(), ascending.end(), frame,
                       [](uint64_t at, const iova_range& range) { return at < range.lo; });
  const auto below = static_cast<size_t>(above - ascending.begin());
  const size_t first = below - std::min(below, each_side);
  return {ascending.begin() + static_cast<std::ptrdiff_t>(first),
          ascending.begin() +
              static_cast<std::ptrdiff_t>(std::min(ascending.size(), below + each_side))};
}

}  // namespace iommulab
