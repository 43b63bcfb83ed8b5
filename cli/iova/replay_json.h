// SPDX-License-Identifier: GPL-2.0-only
//
// Ranges and differences as the documents of `iova replay` and `iova tree` have them.
#pragma once

#include <utility>

#include "absl/types/span.h"
#include "cli/output/json.h"
#include "iova/trace/replay.h"

namespace iommulab {

inline json ranges_json(absl::Span<const iova_range> ranges) {
  json all = json::array();
  for (const iova_range& range : ranges)
    all.push_back({{"lo", hex(range.lo)}, {"hi", hex(range.hi)}});
  return all;
}

inline json difference_json(const iova_difference& difference) {
  return {{"line", difference.line},
          {"operation", difference.operation},
          {"expected", difference.expected},
          {"got", difference.got},
          {"state", difference.state},
          {"frame", hex(difference.frame)},
          {"neighbours", ranges_json(difference.neighbours)}};
}

}  // namespace iommulab
