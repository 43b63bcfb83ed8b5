// SPDX-License-Identifier: GPL-2.0-only
#include "core/io_resource.h"

#include <algorithm>
#include <utility>

namespace iommulab {

bool io_resource::request(phys_addr start, uint64_t size, std::string name) {
  const uint64_t first = start.value();
  const uint64_t last = first + size - 1;
  const bool taken = std::any_of(claims_.begin(), claims_.end(),
                                 [&](const claim& c) { return first <= c.end && last >= c.start; });
  if (taken) return false;
  claims_.push_back({first, last, std::move(name)});
  return true;
}

bool io_resource::release(phys_addr start, uint64_t size) {
  const uint64_t first = start.value();
  const auto it = std::find_if(claims_.begin(), claims_.end(), [&](const claim& c) {
    return c.start == first && c.end == first + size - 1;
  });
  if (it == claims_.end()) return false;
  claims_.erase(it);
  return true;
}

}  // namespace iommulab
