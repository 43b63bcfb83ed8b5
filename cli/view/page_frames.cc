// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/page_frames.h"

#include <algorithm>
#include <iterator>

#include "core/types.h"

namespace iommulab::view {

void page_frames::add(const trace_event& event) {
  if (const auto* write = event.as<events::table_write>()) {
    const uint64_t frame = write->address >> page_shift;
    add(frame, frame + 1);
  }
  if (const auto* pages = event.as<events::page>()) {
    const uint64_t frame = pages->address >> page_shift;
    add(frame, frame + (uint64_t{1} << pages->order));
  }
}

void page_frames::add(uint64_t first, uint64_t end) {
  auto next = ranges_.upper_bound(first);
  if (next != ranges_.begin() && std::prev(next)->second >= first) {
    --next;
    first = next->first;
  }
  for (; next != ranges_.end() && next->first <= end; next = ranges_.erase(next)) {
    end = std::max(end, next->second);
  }
  ranges_[first] = end;
}

json page_frames::as_json() const {
  json list = json::array();
  for (const auto& [first, end] : ranges_) {
    list.push_back(first);
    list.push_back(end - first);
  }
  return list;
}

}  // namespace iommulab::view
