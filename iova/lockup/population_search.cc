// SPDX-License-Identifier: GPL-2.0-only
#include "iova/lockup/population_search.h"

#include <algorithm>

namespace iommulab {
namespace {

// Where the line through the origin and the last value meets the limit: in steps above `low`, at
// least 1 and less than `gap`.
uint64_t steps_to_limit(uint64_t low, double value, double limit, uint64_t step, uint64_t gap) {
  const double at = static_cast<double>(low) * limit / value;
  const double steps = (at - static_cast<double>(low)) / static_cast<double>(step);
  if (steps >= static_cast<double>(gap - 1)) return gap - 1;
  return steps < 1 ? 1 : static_cast<uint64_t>(steps);
}

}  // namespace

population_search search_population(uint64_t first, uint64_t last, uint64_t step, double limit,
                                    const std::function<population_probe(uint64_t)>& probe) {
  population_search found;
  uint64_t low = 0;  // does not pass; 0: nothing known
  double value_low = 0;
  uint64_t high = 0;  // passes, or cannot be built
  const auto look = [&](uint64_t n) {
    ++found.probes;
    population_probe at = probe(n);
    if (at.buildable) found.largest_tried = std::max(found.largest_tried, n);
    return at;
  };

  const auto passes_not = [&](uint64_t n, const population_probe& at) {
    if (!at.past && at.buildable) {
      low = n;
      value_low = at.value;
      return true;
    }
    high = n;
    if (at.past) found.smallest = n;
    return false;
  };

  for (uint64_t n = first; n <= last && passes_not(n, look(n)); n = n > last / 2 ? last : n * 2) {
    if (n == last) return found;
  }
  if (low == 0) return found;  // the first passes, or cannot be built, or there is none

  // Every other probe halves what is left: a crooked curve costs at most twice what bisection does.
  bool halve = !found.smallest;
  while (high - low > step) {
    const uint64_t gap = (high - low) / step;
    const uint64_t steps =
        halve || value_low <= 0 ? gap / 2 : steps_to_limit(low, value_low, limit, step, gap);
    const uint64_t n = low + step * steps;
    passes_not(n, look(n));
    halve = !halve;
  }
  return found;
}

}  // namespace iommulab
