// SPDX-License-Identifier: GPL-2.0-only
//
// What a handful of timed runs says: its middle, its spread, and whether two of them differ.
#pragma once

#include <vector>

namespace iommulab {

/// Of the values in ascending order, with a straight line between neighbours: what NumPy, R (type
/// 7) and Google Benchmark's compare.py take. Boost has the median and the distance between the
/// quartiles, not the quartiles themselves.
struct quartiles {
  double lower = 0;
  double median = 0;
  double upper = 0;
  bool operator==(const quartiles&) const = default;
};
/// All zero of no value.
quartiles quartiles_of(std::vector<double> values);

struct rank_test {
  double u = 0;       ///< pairs in which the value of the first list is larger; half a pair a tie
  double p = 1;       ///< two-sided: how often chance alone sorts them at least as far apart
  bool exact = true;  ///< false: by the normal distribution
};
/// Mann and Whitney's U test. Exact for lists of up to 50 values without a tie; else by the normal
/// distribution, corrected for ties and for continuity. p is 1 when a list is empty.
rank_test mann_whitney(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace iommulab
