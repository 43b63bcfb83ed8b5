// SPDX-License-Identifier: GPL-2.0-only
//
// A range seen through two trees of intervals: runs that the first one covers, runs that only the
// second one covers, and holes of both.
// Linux v6.12 drivers/iommu/iommufd/double_span.h
#pragma once

#include <array>
#include <cstdint>

#include "core/trace.h"
#include "vfio/v6_12/iommufd/interval_tree.h"

namespace iommulab::v6_12 {

struct interval_tree_double_span_iter {
  tracer* trace = nullptr;
  std::array<const interval_tree*, 2> itrees{};
  std::array<interval_tree_span_iter, 2> spans;
  uint64_t start = 0;  ///< start_hole or start_used
  uint64_t last = 0;   ///< last_hole or last_used
  int is_used = -1;    ///< 0: hole, 1: of the first tree, 2: of the second, -1: behind the end
};

void interval_tree_double_span_iter_update(interval_tree_double_span_iter& iter);
void interval_tree_double_span_iter_first(tracer& trace, interval_tree_double_span_iter& iter,
                                          const interval_tree& itree1, const interval_tree& itree2,
                                          uint64_t first_index, uint64_t last_index);
void interval_tree_double_span_iter_next(interval_tree_double_span_iter& iter);
bool interval_tree_double_span_iter_done(const interval_tree_double_span_iter& state);

/// interval_tree_for_each_double_span(): calls `each` for each run; an errno that it returns ends
/// the walk and is returned, and 0 is after the last one.
template <typename Each>
int for_each_double_span(tracer& trace, const interval_tree& itree1, const interval_tree& itree2,
                         uint64_t first_index, uint64_t last_index, Each each) {
  interval_tree_double_span_iter span;
  for (interval_tree_double_span_iter_first(trace, span, itree1, itree2, first_index, last_index);
       !interval_tree_double_span_iter_done(span); interval_tree_double_span_iter_next(span)) {
    if (const int ret = each(span); ret != 0) return ret;
  }
  return 0;
}

}  // namespace iommulab::v6_12
