// SPDX-License-Identifier: GPL-2.0-only
#include "core/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace iommulab::statistics_test {
namespace {

TEST(quartiles, lie_between_values_on_a_straight_line) {
  EXPECT_EQ(quartiles_of({}), (quartiles{0, 0, 0}));
  EXPECT_EQ(quartiles_of({7}), (quartiles{7, 7, 7}));
  EXPECT_EQ(quartiles_of({3, 1}), (quartiles{1.5, 2, 2.5}));
  EXPECT_EQ(quartiles_of({5, 1, 4, 2, 3}), (quartiles{2, 3, 4}));
  // 0.25 * 5 = 1.25: a quarter of the way from the second value to the third.
  EXPECT_EQ(quartiles_of({60, 10, 50, 20, 40, 30}), (quartiles{22.5, 35, 47.5}));
}

/// The share of all orders in which U is at least as far from its mean: by trying each.
double p_by_trying(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> all = a;
  all.insert(all.end(), b.begin(), b.end());
  const double mean = static_cast<double>(a.size() * b.size()) / 2;
  const double seen = std::abs(mann_whitney(a, b).u - mean);
  std::vector<bool> of_a(all.size());
  std::fill(of_a.begin(), of_a.begin() + static_cast<std::ptrdiff_t>(a.size()), true);
  double as_far = 0;
  double orders = 0;
  do {
    double u = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      for (size_t j = 0; j < all.size(); ++j) {
        if (of_a[i] && !of_a[j] && all[i] > all[j]) ++u;
      }
    }
    ++orders;
    if (std::abs(u - mean) >= seen) ++as_far;
  } while (std::prev_permutation(of_a.begin(), of_a.end()));
  return as_far / orders;
}

TEST(mann_whitney, is_exact_for_few_values) {
  const std::vector<double> low = {1, 2, 3, 4, 5};
  const std::vector<double> high = {11, 12, 13, 14, 15};
  EXPECT_EQ(mann_whitney(low, high).u, 0);
  EXPECT_EQ(mann_whitney(high, low).u, 25);
  // Of the 252 ways to put 5 of 10 into a list, two are as far apart.
  EXPECT_DOUBLE_EQ(mann_whitney(low, high).p, 2.0 / 252);
  EXPECT_TRUE(mann_whitney(low, high).exact);
  for (const auto& [a, b] : std::vector<std::pair<std::vector<double>, std::vector<double>>>{
           {{1, 4, 5}, {2, 3, 6, 7}},
           {{9, 1, 8, 3}, {2, 4, 6, 5}},
           {{1}, {2}},
           {{5, 1}, {3, 2, 9}}}) {
    EXPECT_NEAR(mann_whitney(a, b).p, p_by_trying(a, b), 1e-12);
    EXPECT_DOUBLE_EQ(mann_whitney(a, b).p, mann_whitney(b, a).p);
  }
}

TEST(mann_whitney, of_ties_and_of_many_is_by_the_normal_distribution) {
  EXPECT_EQ(mann_whitney({1, 1, 1}, {1, 1, 1}).p, 1);
  EXPECT_EQ(mann_whitney({}, {1}).p, 1);
  const rank_test tied = mann_whitney({1, 2, 3, 4}, {3, 5, 6, 7});
  EXPECT_FALSE(tied.exact);
  EXPECT_EQ(tied.u, 1.5);
  // (8 - 1.5 - 0.5) / sqrt(16/12 * (9 - 6/56)) = 1.7428...; twice the tail by erfc.
  const double z = (8 - 1.5 - 0.5) / std::sqrt(16.0 / 12 * (9 - 6.0 / 56));
  EXPECT_NEAR(tied.p, std::erfc(z / std::sqrt(2)), 1e-12);
  std::vector<double> even(60);
  std::vector<double> odd(60);
  for (size_t i = 0; i < 60; ++i) {
    even[i] = 2.0 * static_cast<double>(i);
    odd[i] = even[i] + 1;
  }
  const rank_test many = mann_whitney(even, odd);
  EXPECT_FALSE(many.exact);
  EXPECT_GT(many.p, 0.8);
  // 40 values of each: exact, and all of one list below the other.
  std::vector<double> ascending(40);
  std::iota(ascending.begin(), ascending.end(), 0);
  std::vector<double> above(40);
  std::iota(above.begin(), above.end(), 100);
  EXPECT_LT(mann_whitney(ascending, above).p, 1e-20);
  EXPECT_GT(mann_whitney(ascending, above).p, 0);
}

}  // namespace
}  // namespace iommulab::statistics_test
