// SPDX-License-Identifier: GPL-2.0-only
#include "dma/debug/active_cachelines.h"

namespace iommulab {

bool active_cachelines::insert(uint64_t line) {
  const auto [found, is_first] = overlaps_.try_emplace(line, 0);
  if (is_first) return true;
  if (found->second == max_overlap) return false;
  ++found->second;
  return true;
}

void active_cachelines::remove(uint64_t line) {
  const auto found = overlaps_.find(line);
  if (found == overlaps_.end()) return;
  if (--found->second < 0) overlaps_.erase(found);
}

}  // namespace iommulab
