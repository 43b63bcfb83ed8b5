// SPDX-License-Identifier: GPL-2.0-only
//
// What each rival's header promises beyond the common interface, for tests to hold it to.
#pragma once

#include <cstdint>
#include <string_view>

#include "iova/lab/catalogue.h"
#include "iova/rivals/catalogue.h"

namespace iommulab {

enum class promise {
  none,
  for_powers_of_two,  ///< of frames, with size alignment
  kept,
};

/// Whether a promise is given for a request.
inline bool holds(promise given, uint64_t size, bool aligned) {
  if (given == promise::for_powers_of_two) return aligned && (size & (size - 1)) == 0;
  return given == promise::kept;
}

struct rival_promises {
  std::string_view name;
  promise highest;   ///< places a request at the highest address where it fits
  promise complete;  ///< fails only when the request fits nowhere
  bool exact;        ///< ranges() and find() show what was asked for, not more
};

inline constexpr rival_promises rivals_promise[] = {
    {"eiovar", promise::none, promise::none, false},
    {"gap_tree", promise::kept, promise::kept, true},
    {"gap_tree32", promise::kept, promise::kept, true},
    {"maple", promise::kept, promise::kept, true},
    {"buddy", promise::for_powers_of_two, promise::for_powers_of_two, true},
    {"per_ring", promise::none, promise::none, false},
};

/// Null for a rival that has no line above.
inline const rival_promises* promises_of(std::string_view name) {
  for (const rival_promises& p : rivals_promise) {
    if (p.name == name) return &p;
  }
  return nullptr;
}

}  // namespace iommulab
