// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/iotlb.h"

namespace iommulab {

void iotlb_cache::invalidate_pages(domain_id domain, uint64_t address, unsigned mask) {
  constexpr unsigned probe_limit = 4;  // up to 16 pages are looked up one by one
  const uint64_t bytes_less_one =
      mask >= 52 ? ~uint64_t{0} : (uint64_t{1} << (page_shift + mask)) - 1;
  const uint64_t start = address & ~bytes_less_one;
  const uint64_t last = start | bytes_less_one;
  if (mask > probe_limit) return entries_.erase_range(domain, start, last);

  for (unsigned level = 1; level <= max_leaf_level; ++level) {
    if (!entries_.may_hold(level)) continue;
    const uint64_t step = vtd::second_level_entry::span_of(level);
    for (uint64_t at = start & ~(step - 1); at <= last; at += step) {
      entries_.erase(domain, level, at);
      if (at >= last - (step - 1)) break;  // the top of the address space
    }
  }
}

}  // namespace iommulab
