// SPDX-License-Identifier: GPL-2.0-only
//
// The question that the lockup folder answers: with this allocator and so many processors, which
// pattern reaches the limit with the fewest live mappings?
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "iova/lockup/population_search.h"
#include "iova/lockup/storm.h"

namespace iommulab {

struct lockup_question {
  const iova_catalogue_entry* allocator = nullptr;
  std::vector<const lockup_pattern*> patterns;
  storm_options storm;  ///< its costs and most_calls are not used
  /// What a storm on so many live mappings costs.
  std::function<lockup_costs(uint64_t population)> costs;
  /// Told after each storm; may be empty.
  std::function<void(const lockup_pattern& pattern, uint64_t population)> on_storm;
  uint64_t most_mappings = uint64_t{1} << 20;  ///< no population beyond is tried
};

/// Populations are multiples of the resolution, and the smallest is found to within its share of
/// the precision.
inline constexpr uint64_t lockup_resolution = 64;
inline constexpr uint64_t lockup_precision = 128;

/// Why a pattern's search went no higher.
enum class lockup_bound {
  question,  ///< lockup_question::most_mappings
  better,    ///< another pattern reaches the limit with so many
  capacity,  ///< the pattern's part of the address space has no room for more
  no_room,   ///< the allocator refused a mapping
  too_slow,  ///< mapping so many is itself quadratic in this allocator
};

struct lockup_finding {
  const lockup_pattern* pattern = nullptr;
  lockup_bound bound = lockup_bound::question;
  /// Where the limit is reached: the smallest population found at which a storm with every request
  /// made by the allocator reaches it. Else that with the longest wait of all tried.
  bool reached = false;
  uint64_t population = 0;      ///< 0: none could be tried
  uint64_t largest_tried = 0;   ///< of the populations that could be built; 0: none
  uint64_t not_reached_at = 0;  ///< where it is reached: the largest population found not to
  storm_result storm;
  lockup_costs costs;  ///< of that storm
};

struct lockup_answer {
  std::vector<lockup_finding> findings;  ///< in the question's order
  /// Of those that reach the limit the one with the fewest mappings, the first of several.
  std::optional<size_t> best;
};

lockup_answer answer(const lockup_question& question);

}  // namespace iommulab
