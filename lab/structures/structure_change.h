// SPDX-License-Identifier: GPL-2.0-only
//
// What became of a structure with a long list, told by who keeps account of the list: of a thousand
// elements the few that changed.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "core/structure.h"

namespace iommulab {

struct structure_change {
  size_t index = 0;         ///< among those of its kind; one behind the last is new
  structure now{};          ///< but of its list no more than the elements that have come
  std::string_view list{};  ///< the list's field
  size_t first = 0;         ///< where in the list they stand
  size_t gone = 0;          ///< how many stood there before; all others are what they were
};

/// Those of one kind, by index.
struct structure_changes {
  std::string_view kind;
  std::vector<structure_change> structures;
};

}  // namespace iommulab
