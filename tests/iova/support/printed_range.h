// SPDX-License-Identifier: GPL-2.0-only
//
// What a test that compares ranges of frames says when they differ.
#pragma once

#include <ostream>

#include "iova/lab/range.h"

namespace iommulab {

// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest looks for it
inline void PrintTo(const iova_range& range, std::ostream* out) {
  *out << range.lo << "-" << range.hi;
}

}  // namespace iommulab
