// SPDX-License-Identifier: GPL-2.0-only
//
// The smallest number at which something that grows passes a limit: doubling until it does, then
// bisection, every other probe of which lies where a straight line from 0 meets the limit.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace iommulab {

/// What one probe found.
struct population_probe {
  bool buildable = true;  ///< false: so many cannot be had, and no larger number either
  bool past = false;      ///< the limit was passed
  double value = 0;       ///< how much was reached where the limit was not; guides the next probe
};

struct population_search {
  std::optional<uint64_t> smallest = std::nullopt;  ///< of those that pass, to within `step`
  uint64_t largest_tried = 0;                       ///< of those that could be built; 0: none
  unsigned probes = 0;
};

/// The smallest multiple of `step` from `first` to `last` (multiples too, first > 0) at which
/// `probe` passes `limit`, given that once it passes it does so for every larger number. Where that
/// does not hold, a number that passes while the one `step` below it does not, or `first`.
population_search search_population(uint64_t first, uint64_t last, uint64_t step, double limit,
                                    const std::function<population_probe(uint64_t)>& probe);

}  // namespace iommulab
