// SPDX-License-Identifier: GPL-2.0-only
//
// Two allocators held against each other, pattern by pattern, in turns. On a machine that others
// use as well, the nanoseconds of two runs cannot be compared; of two pieces of one run some
// milliseconds apart the ratio can, and the median of many such ratios is steady.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/iova/pattern.h"

namespace iommulab {

struct ratio_options {
  unsigned repetitions = 15;        ///< turns of each; at least 9 for a figure that is to be quoted
  double milliseconds_a_turn = 10;  ///< of each allocator
};

struct ratio_result {
  std::string pattern;
  std::string baseline, contender;
  double baseline_ns = 0;  ///< an operation, median of the turns
  double contender_ns = 0;
  double ratio = 0;           ///< contender / baseline, median over the pairs of turns
  double lower_quartile = 0;  ///< of the ratios
  double upper_quartile = 0;
  bool equal_answers = false;  ///< both gave out the same frames in the same order, all through;
                               ///< not said of patterns with several threads
};

/// Runs both cases, of one pattern, in turns: A B, B A, A B, … Fails when one cannot be set up.
absl::StatusOr<ratio_result> compare(const bench_case& baseline, const bench_case& contender,
                                     const ratio_options& options);

}  // namespace iommulab
