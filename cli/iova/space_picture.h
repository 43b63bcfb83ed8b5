// SPDX-License-Identifier: GPL-2.0-only
//
// A space as text: a line a range or gap, highest first, as Linux searches.
#pragma once

#include <string>
#include <vector>

#include "iova/lab/range.h"

namespace iommulab {

struct space_picture {
  iova_space space;
  std::vector<iova_range> ranges;  ///< in use, ascending
  std::string state;  ///< "cached32=0x5 cached=none …", as linux_iova_domain says; may be empty
};

/// At most `rows` lines of ranges and gaps, but for those next to a cached node, which are there
/// always; what is left out is counted.
std::string space_picture_text(const space_picture& picture, size_t rows);

}  // namespace iommulab
