// SPDX-License-Identifier: GPL-2.0-only
#include "iova/workload/table_pages.h"

#include <algorithm>

namespace iommulab {

void table_page_count::granted(uint64_t pfn_lo, uint64_t size) {
  for (unsigned level = 0; level < levels - 1; ++level) {
    const unsigned shift = entry_bits * (level + 1);
    const uint64_t first = pfn_lo >> shift;
    const uint64_t last = (pfn_lo + size - 1) >> shift;
    if (edges_[level][first]++ == 0) ++now_;
    if (first == last) continue;
    if (edges_[level][last]++ == 0) ++now_;
    now_ += last - first - 1;
  }
  peak_ = std::max(peak_, now_);
}

void table_page_count::freed(uint64_t pfn_lo, uint64_t size) {
  const auto leave = [this](unsigned level, uint64_t page) {
    const auto at = edges_[level].find(page);
    if (--at->second != 0) return;
    edges_[level].erase(at);
    --now_;
  };
  for (unsigned level = 0; level < levels - 1; ++level) {
    const unsigned shift = entry_bits * (level + 1);
    const uint64_t first = pfn_lo >> shift;
    const uint64_t last = (pfn_lo + size - 1) >> shift;
    leave(level, first);
    if (first == last) continue;
    leave(level, last);
    now_ -= last - first - 1;
  }
}

}  // namespace iommulab
