// SPDX-License-Identifier: GPL-2.0-only
#include "lab/stepping/known_ranges.h"

#include <algorithm>
#include <iterator>

namespace iommulab {

size_t known_ranges::place_of(const iova_range& range) const {
  const auto place = std::lower_bound(
      all_.begin(), all_.end(), range,
      [](const iova_range& one, const iova_range& other) { return one.lo < other.lo; });
  return static_cast<size_t>(std::distance(all_.begin(), place));
}

bool known_ranges::contains(const iova_range& range) const {
  const size_t place = place_of(range);
  return place < all_.size() && all_[place] == range;
}

void known_ranges::insert(const iova_range& added) {
  const size_t place = place_of(added);
  all_.insert(all_.begin() + static_cast<ptrdiff_t>(place), added);
  changed({place, 0, 1});
}

void known_ranges::erase(const iova_range& removed) {
  const size_t place = place_of(removed);
  all_.erase(all_.begin() + static_cast<ptrdiff_t>(place));
  changed({place, 1, 0});
}

void known_ranges::become(std::vector<iova_range> now) {
  const auto [then, there] = std::mismatch(all_.begin(), all_.end(), now.begin(), now.end());
  const auto first = std::distance(all_.begin(), then);
  const auto [last, end] = std::mismatch(all_.rbegin(), std::make_reverse_iterator(then),
                                         now.rbegin(), std::make_reverse_iterator(there));
  const auto gone = std::distance(then, last.base());
  const auto come = std::distance(there, end.base());
  all_ = std::move(now);
  if (gone == 0 && come == 0) return;
  changed({static_cast<size_t>(first), static_cast<size_t>(gone), static_cast<size_t>(come)});
}

/// `more` counts in the ranges behind what changed before it: one window is put around both.
void known_ranges::changed(const range_window& more) {
  if (changed_ == range_window{}) {
    changed_ = more;
    return;
  }
  const size_t first = std::min(changed_.first, more.first);
  const size_t behind = changed_.first + changed_.come;  // the old window's end
  const size_t end = std::max(behind, more.first + more.gone);
  changed_ = {first, changed_.gone + (changed_.first - first) + (end - behind),
              end - first - more.gone + more.come};
}

}  // namespace iommulab
