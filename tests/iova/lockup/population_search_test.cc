// SPDX-License-Identifier: GPL-2.0-only
//
// The search against looking at every population.
#include "iova/lockup/population_search.h"

#include <algorithm>
#include <cmath>

#include "gtest/gtest.h"

namespace iommulab::population_search_test {
namespace {

struct curve {
  uint64_t passes_at;  // this and all larger numbers pass
  uint64_t buildable;  // the largest number that can be built
  double exponent;
  double limit;
  [[nodiscard]] double value(uint64_t n) const {
    return limit * std::pow(static_cast<double>(n) / static_cast<double>(passes_at), exponent);
  }
  [[nodiscard]] population_probe operator()(uint64_t n) const {
    if (n > buildable) return {.buildable = false};
    return {.past = n >= passes_at, .value = n >= passes_at ? 0 : value(n)};
  }
};

std::optional<uint64_t> look_at_all(const curve& at, uint64_t first, uint64_t last, uint64_t step) {
  for (uint64_t n = first; n <= last; n += step) {
    const population_probe probe = at(n);
    if (!probe.buildable) return {};
    if (probe.past) return n;
  }
  return {};
}

TEST(population_search, finds_what_looking_at_all_finds) {
  for (const double exponent : {0.0, 0.5, 1.0, 1.3, 2.0}) {
    for (const uint64_t step : {1U, 3U}) {
      for (uint64_t passes_at = 1; passes_at <= 100; ++passes_at) {
        for (const uint64_t buildable : {0U, 1U, 30U, 64U, 1000U}) {
          const curve at{passes_at, buildable, exponent, 20};
          const uint64_t first = 2 * step;
          const uint64_t last = 30 * step;
          const population_search found = search_population(first, last, step, at.limit, at);
          EXPECT_EQ(found.smallest, look_at_all(at, first, last, step))
              << "passes at " << passes_at << ", buildable to " << buildable << ", step " << step
              << ", exponent " << exponent;
          if (!found.smallest) {
            const uint64_t highest = std::min({last, buildable / step * step});
            EXPECT_EQ(found.largest_tried, highest < first ? 0 : highest);
          }
        }
      }
    }
  }
}

TEST(population_search, a_straight_line_takes_few_probes) {
  const curve at{700'003, 1U << 24, 1.0, 20};
  const population_search found = search_population(1, 1U << 24, 1, at.limit, at);
  EXPECT_EQ(found.smallest, 700'003U);
  EXPECT_LE(found.probes, 21U + 8U) << "21 doublings, then less than half of 20 bisections";
}

TEST(population_search, nothing_to_try) {
  const curve at{1, 100, 1.0, 20};
  const population_search found = search_population(64, 63, 64, at.limit, at);
  EXPECT_FALSE(found.smallest.has_value());
  EXPECT_EQ(found.probes, 0U);
  EXPECT_EQ(found.largest_tried, 0U);
}

}  // namespace
}  // namespace iommulab::population_search_test
