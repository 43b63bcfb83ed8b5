// SPDX-License-Identifier: GPL-2.0-or-later
//
// What each rival's header promises beyond the common interface, for tests to hold it to.
#pragma once

#include <string_view>

#include "iova/lab/catalogue.h"
#include "iova/rivals/catalogue.h"

namespace iommulab {

struct rival_promises {
  std::string_view name;
  bool highest;   ///< places a request at the highest address where it fits
  bool complete;  ///< fails only when the request fits nowhere
  bool exact;     ///< ranges() and find() show what was asked for, not more
};

inline constexpr rival_promises rivals_promise[] = {
    {"eiovar", false, false, false},
    {"gap_tree", true, true, true},
    {"gap_tree32", true, true, true},
    {"maple", true, true, true},
};

/// Null for a rival that has no line above.
inline const rival_promises* promises_of(std::string_view name) {
  for (const rival_promises& p : rivals_promise) {
    if (p.name == name) return &p;
  }
  return nullptr;
}

}  // namespace iommulab
