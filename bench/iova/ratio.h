// SPDX-License-Identifier: GPL-2.0-only
//
// Two allocators held against each other, pattern by pattern, in turns (bench/support/turns.h).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "bench/iova/pattern.h"
#include "bench/support/turns.h"

namespace iommulab {

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

/// Runs both cases, of one pattern, in turns; threads and batch are the case's. Fails when one
/// cannot be set up.
absl::StatusOr<ratio_result> compare(const bench_case& baseline, const bench_case& contender,
                                     const turn_options& options);

}  // namespace iommulab
