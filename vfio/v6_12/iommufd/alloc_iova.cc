// SPDX-License-Identifier: GPL-2.0-only
//
// Finding addresses that nobody uses. Linux v6.12 drivers/iommu/iommufd/io_pagetable.c
#include <algorithm>
#include <bit>
#include <cerrno>

#include "vfio/v6_12/iommufd/double_span.h"
#include "vfio/v6_12/iommufd/io_pagetable.h"

namespace iommulab::v6_12 {
namespace {

/// What is looked for.
struct wanted_iova {
  uint64_t length = 0;
  uint64_t iova_alignment = 0;
  uint64_t page_offset = 0;
};

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: __alloc_iova_check_range()
bool alloc_iova_check_range(tracer& trace, uint64_t& start, uint64_t last,
                            const wanted_iova& wanted) {
  IOMMULAB_CALL(trace, "__alloc_iova_check_range", {"last", last}, {"length", wanted.length},
                {"iova_alignment", wanted.iova_alignment}, {"page_offset", wanted.page_offset});
  uint64_t aligned_start = 0;
  if (add_overflows(start, wanted.iova_alignment - 1, aligned_start)) {
    return this_call.result(false);
  }
  aligned_start &= ~(wanted.iova_alignment - 1);
  aligned_start |= wanted.page_offset;
  if (aligned_start >= last || last - aligned_start < wanted.length - 1) {
    return this_call.result(false);
  }
  start = aligned_start;
  return this_call.result(true);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: __alloc_iova_check_hole()
bool alloc_iova_check_hole(tracer& trace, interval_tree_double_span_iter& span,
                           const wanted_iova& wanted) {
  IOMMULAB_CALL(trace, "__alloc_iova_check_hole", {"length", wanted.length},
                {"iova_alignment", wanted.iova_alignment}, {"page_offset", wanted.page_offset});
  if (span.is_used != 0) return this_call.result(false);
  return this_call.result(alloc_iova_check_range(trace, span.start, span.last, wanted));
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: __alloc_iova_check_used()
bool alloc_iova_check_used(tracer& trace, interval_tree_span_iter& span,
                           const wanted_iova& wanted) {
  IOMMULAB_CALL(trace, "__alloc_iova_check_used", {"length", wanted.length},
                {"iova_alignment", wanted.iova_alignment}, {"page_offset", wanted.page_offset});
  if (span.is_hole != 0) return this_call.result(false);
  return this_call.result(alloc_iova_check_range(trace, span.start, span.last, wanted));
}

/// As the user's address allows, so that superpages of the user's can be superpages of the table.
uint64_t alignment_for(uint64_t uptr, uint64_t length) {
  constexpr uint64_t hpage_size = uint64_t{1} << 21;
  uint64_t alignment = std::bit_ceil(length);
  if (uptr != 0) alignment = std::min(alignment, uptr & (~uptr + 1));
  return std::min(alignment, hpage_size);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_alloc_iova()
int iopt_alloc_iova(io_pagetable& iopt, uint64_t& iova, uint64_t uptr, uint64_t length) {
  tracer& trace = iopt.trace();
  IOMMULAB_CALL(trace, "iopt_alloc_iova", {"uptr", uptr}, {"length", length});
  if (length == 0 || length >= UINT64_MAX / 2) return this_call.result(-EOVERFLOW);
  const wanted_iova wanted{length, alignment_for(uptr, length), uptr % page_size};
  if (wanted.iova_alignment < iopt.iova_alignment) return this_call.result(-EINVAL);
  constexpr uint64_t last_iova = UINT64_MAX - page_size;
  for (interval_tree_span_iter allowed(iopt.allowed_itree, page_size, last_iova); !allowed.done();
       allowed.next()) {
    if (iopt.allowed_itree.empty()) {
      allowed.start = page_size;
      allowed.last = last_iova;
      allowed.is_hole = 0;
    }
    if (!alloc_iova_check_used(trace, allowed, wanted)) continue;
    interval_tree_double_span_iter used;
    for (interval_tree_double_span_iter_first(trace, used, iopt.reserved_itree, iopt.area_itree,
                                              allowed.start, allowed.last);
         !interval_tree_double_span_iter_done(used); interval_tree_double_span_iter_next(used)) {
      if (!alloc_iova_check_hole(trace, used, wanted)) continue;
      iova = used.start;
      return this_call.result(0);
    }
  }
  return this_call.result(-ENOSPC);
}

}  // namespace iommulab::v6_12
