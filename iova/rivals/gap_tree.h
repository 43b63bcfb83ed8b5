// SPDX-License-Identifier: GPL-2.0-only
//
// Two allocators that were proposed for the kernel in May 2026: Linux's tree of ranges, augmented
// with the largest gap of each subtree.
//
// Source: Rik van Riel, linux-iommu mailing list: "[PATCH 0/5] iova augmented rbtree O(log n)
// alloc_iova" of 12 May 2026, for gap_tree; "iova: limit_pfn-aware augmentation for log(n) 32-bit
// alloc" of 18 May 2026 (patch 3 of the series' second version), for gap_tree32. The same idea was
// posted by Peng Zhang in August 2022 ("iommu/iova: Optimize alloc_iova with rbtree_augmented").
//
// gap_tree searches from the highest range down, and leaves a subtree out when its largest gap is
// smaller than the request. It is as proposed: every allocation searches, every free updates.
//   alloc O(log n) as long as most gaps that are large enough do fit; free, reserve, find O(log n).
//   Not good at: requests with a low limit. Gaps above the limit are large enough and do not fit,
//   so each is looked at: O(n). Also requests that need alignment, where gaps are large enough but
//   lie badly: O(n), too. (Comparing positions on the way down would spare the former: see
//   maple.h.)
//
// gap_tree32 keeps a second maximum in each node, of the gaps' parts below 4 GiB, and goes by that
// for limits up to there. That is the repair. So that what the kernel's cached nodes make cheap
// stays cheap, it has the hints of rivals/top_down.h, and its maxima count up to 2^16 frames: the
// large free rest at the low end, which shrinks with each allocation, would otherwise change every
// ancestor each time. A larger request may look at all gaps of at least 2^16 frames: there are few.
//   alloc O(1) for rings and for what fits below the last range, O(log n) else; free O(1) until
//   the index must know, then O(log n).
//   Not good at: limits other than 4 GiB on a domain that is full above them; alignment, as above.
//
// 64 bytes a range, for both.
// Locking: one lock (top_down.h).
#pragma once

#include <algorithm>
#include <cstdint>

#include "iova/rivals/fit.h"
#include "iova/rivals/gap_treap.h"
#include "iova/rivals/top_down.h"

namespace iommulab {

struct largest_gap {
  uint64_t all = 0;

  static largest_gap of(uint64_t begin, uint64_t end, uint64_t) { return {end - begin}; }
  [[nodiscard]] largest_gap join(largest_gap o) const { return {std::max(all, o.all)}; }
  [[nodiscard]] bool dominates(largest_gap o) const { return all >= o.all; }
  [[nodiscard]] bool exceeds(largest_gap o) const { return all > o.all || o.all == 0; }
  [[nodiscard]] bool may_fit(const iova_request& r, uint64_t) const { return all >= r.size; }
  bool operator==(const largest_gap&) const = default;
};

/// The largest gap, and the largest part of a gap below 4 GiB.
struct largest_gaps {
  static constexpr uint64_t counted = uint64_t{1} << 16U;
  uint32_t all = 0;
  uint32_t below_4g = 0;

  static largest_gaps of(uint64_t begin, uint64_t end, uint64_t last_32bit_pfn) {
    const uint64_t end32 = std::min(end, last_32bit_pfn + 1);
    return {count(end - begin), end32 > begin ? count(end32 - begin) : 0};
  }
  static uint32_t count(uint64_t frames) {
    return static_cast<uint32_t>(std::min(frames, counted));
  }
  [[nodiscard]] largest_gaps join(largest_gaps o) const {
    return {std::max(all, o.all), std::max(below_4g, o.below_4g)};
  }
  [[nodiscard]] bool dominates(largest_gaps o) const {
    return all >= o.all && below_4g >= o.below_4g;
  }
  [[nodiscard]] bool exceeds(largest_gaps o) const {
    return (all > o.all || o.all == 0) && (below_4g > o.below_4g || o.below_4g == 0);
  }
  [[nodiscard]] bool may_fit(const iova_request& r, uint64_t last_32bit_pfn) const {
    return (r.limit_pfn <= last_32bit_pfn ? below_4g : all) >= std::min(r.size, counted);
  }
  bool operator==(const largest_gaps&) const = default;
};

/// The largest gap of each subtree, as proposed on 12 May 2026.
template <class Host>
using gap_tree = top_down_engine<Host, gap_treap<largest_gap>, false>;
/// And the largest below 4 GiB, with hints.
template <class Host>
using gap_tree32 = top_down_engine<Host, gap_treap<largest_gaps>, true>;

}  // namespace iommulab
