// SPDX-License-Identifier: GPL-2.0-only
#include "core/statistics.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/statistics/univariate_statistics.hpp>
#include <cmath>
#include <cstddef>

namespace iommulab {
namespace {

constexpr size_t most_for_exact = 50;

/// Of ascending values.
double at_share(const std::vector<double>& values, double share) {
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  if (below + 1 >= values.size()) return values.back();
  const double between = place - static_cast<double>(below);
  return values[below] + between * (values[below + 1] - values[below]);
}

/// How many of the orders of `a` and `b` values have a U of 0, 1 … a * b.
std::vector<double> orders_by_u(size_t a, size_t b) {
  // Coefficients of the Gaussian binomial: a factor (1 - x^(b+i)) / (1 - x^i) for each i up to a.
  std::vector<double> ways(a * b + 1, 0);
  ways[0] = 1;
  for (size_t i = 1; i <= a; ++i) {
    for (size_t u = ways.size(); u-- > b + i;) ways[u] -= ways[u - b - i];
    for (size_t u = i; u < ways.size(); ++u) ways[u] += ways[u - i];
  }
  return ways;
}

/// Twice the smaller tail.
double exact_p(double u, size_t a, size_t b) {
  const std::vector<double> ways = orders_by_u(a, b);
  const auto tail = static_cast<size_t>(std::min(u, static_cast<double>(a * b) - u));
  double within = 0;
  double all = 0;
  for (size_t i = 0; i < ways.size(); ++i) {
    all += ways[i];
    if (i <= tail) within += ways[i];
  }
  return std::min(1.0, 2 * within / all);
}

/// `ties`: the sum of t^3 - t over groups of t equal values.
double normal_p(double u, double a, double b, double ties) {
  const double n = a + b;
  const double variance = a * b / 12 * (n + 1 - ties / (n * (n - 1)));
  if (variance <= 0) return 1;
  const double apart = std::max(0.0, std::abs(u - a * b / 2) - 0.5);
  const boost::math::normal standard;
  return std::min(
      1.0, 2 * boost::math::cdf(boost::math::complement(standard, apart / std::sqrt(variance))));
}

double sum_of_ties(std::vector<double> all) {
  std::sort(all.begin(), all.end());
  double sum = 0;
  for (auto at = all.begin(); at != all.end();) {
    const auto end = std::upper_bound(at, all.end(), *at);
    const auto t = static_cast<double>(end - at);
    sum += t * t * t - t;
    at = end;
  }
  return sum;
}

}  // namespace

quartiles quartiles_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const double lower = at_share(values, 0.25);
  const double upper = at_share(values, 0.75);
  return {lower, boost::math::statistics::median(values), upper};
}

rank_test mann_whitney(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.empty() || b.empty()) return {};
  rank_test test;
  for (const double x : a) {
    for (const double y : b) test.u += x > y ? 1 : x == y ? 0.5 : 0;
  }
  std::vector<double> all = a;
  all.insert(all.end(), b.begin(), b.end());
  const double ties = sum_of_ties(std::move(all));
  test.exact = ties == 0 && a.size() <= most_for_exact && b.size() <= most_for_exact;
  test.p = test.exact ? exact_p(test.u, a.size(), b.size())
                      : normal_p(test.u, static_cast<double>(a.size()),
                                 static_cast<double>(b.size()), ties);
  return test;
}

}  // namespace iommulab
