// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/double_span.h"

#include <algorithm>

namespace iommulab::v6_12 {

// Linux v6.12 drivers/iommu/iommufd/pages.c: interval_tree_double_span_iter_update()
void interval_tree_double_span_iter_update(interval_tree_double_span_iter& iter) {
  IOMMULAB_CALL(*iter.trace, "interval_tree_double_span_iter_update");
  uint64_t last_hole = UINT64_MAX;
  for (size_t i = 0; i < iter.spans.size(); ++i) {
    const interval_tree_span_iter& span = iter.spans[i];
    if (span.done()) {
      iter.is_used = -1;
      return;
    }
    if (span.is_hole == 0) {
      iter.is_used = static_cast<int>(i) + 1;
      iter.start = span.start;
      iter.last = std::min(span.last, last_hole);
      return;
    }
    last_hole = std::min(last_hole, span.last);
  }
  iter.is_used = 0;
  iter.start = iter.spans[0].start;
  iter.last = last_hole;
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: interval_tree_double_span_iter_first()
void interval_tree_double_span_iter_first(tracer& trace, interval_tree_double_span_iter& iter,
                                          const interval_tree& itree1, const interval_tree& itree2,
                                          uint64_t first_index, uint64_t last_index) {
  IOMMULAB_CALL(trace, "interval_tree_double_span_iter_first", {"first_index", first_index},
                {"last_index", last_index});
  iter.trace = &trace;
  iter.itrees = {&itree1, &itree2};
  for (size_t i = 0; i < iter.spans.size(); ++i) {
    iter.spans[i].first(*iter.itrees[i], first_index, last_index);
  }
  interval_tree_double_span_iter_update(iter);
}

// Linux v6.12 drivers/iommu/iommufd/pages.c: interval_tree_double_span_iter_next()
void interval_tree_double_span_iter_next(interval_tree_double_span_iter& iter) {
  IOMMULAB_CALL(*iter.trace, "interval_tree_double_span_iter_next");
  if (iter.is_used == -1 || iter.last == iter.spans[0].last_index) {
    iter.is_used = -1;
    return;
  }
  for (interval_tree_span_iter& span : iter.spans) span.advance(iter.last + 1);
  interval_tree_double_span_iter_update(iter);
}

// Linux v6.12 drivers/iommu/iommufd/double_span.h: interval_tree_double_span_iter_done()
bool interval_tree_double_span_iter_done(const interval_tree_double_span_iter& state) {
  IOMMULAB_CALL(*state.trace, "interval_tree_double_span_iter_done");
  return this_call.result(state.is_used == -1);
}

}  // namespace iommulab::v6_12
