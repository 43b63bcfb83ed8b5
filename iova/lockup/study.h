// SPDX-License-Identifier: GPL-2.0-or-later
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
  storm_options storm;  ///< its costs are not used: see `costs`
  /// What a storm on so many live mappings costs.
  std::function<lockup_costs(uint64_t population)> costs;
  uint64_t most_mappings = uint64_t{1} << 22;  ///< no population beyond is tried
};

/// Populations are found to within so many mappings.
inline constexpr uint64_t lockup_resolution = 64;

/// Why a pattern's search went no higher.
enum class lockup_bound {
  question,  ///< lockup_question::most_mappings
  better,    ///< another pattern reaches the limit with no more
  capacity,  ///< the pattern's part of the address space has no room for more
  no_room,   ///< the allocator refused a mapping
  too_slow,  ///< mapping so many is itself quadratic in this allocator
};

struct lockup_finding {
  const lockup_pattern* pattern = nullptr;
  population_search search;
  lockup_bound bound = lockup_bound::question;
  /// The storm at search.smallest; where there is none, that with the longest wait of all tried.
  uint64_t population = 0;
  storm_result storm;
  lockup_costs costs;
};

struct lockup_answer {
  std::vector<lockup_finding> findings;  ///< in the question's order
  /// Of those that reach the limit the one with the fewest mappings, the first of several.
  std::optional<size_t> best;
};

lockup_answer answer(const lockup_question& question);

}  // namespace iommulab
