// SPDX-License-Identifier: GPL-2.0-only
//
// What playing a trace came to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "iova/lab/range.h"

namespace iommulab {

/// The first step that did not come out as it should.
struct iova_difference {
  uint32_t line = 0;
  std::string operation;  ///< "alloc 3 1 0xfffff 1"
  std::string expected;   ///< in the words of the trace, or of the rule that was broken
  std::string got;
  std::string state;   ///< cached nodes after the step; empty: the allocator has none
  uint64_t frame = 0;  ///< where in the space it happened
  std::vector<iova_range> neighbours;  ///< ranges in use around it, ascending, after the step
};

struct iova_replay {
  uint64_t operations = 0;  ///< played, the differing one included
  std::optional<iova_difference> difference;
};

/// A line each: what differs, the state, and the neighbours with the place among them.
std::string iova_difference_text(const iova_difference& difference);

/// The ranges next to `frame`: up to `each_side` that begin at or below it, and as many above.
std::vector<iova_range> iova_neighbours(absl::Span<const iova_range> ascending, uint64_t frame,
                                        size_t each_side = 3);

}  // namespace iommulab
