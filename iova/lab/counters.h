// SPDX-License-Identifier: GPL-2.0-only
//
// What an allocator did, in numbers that do not depend on the machine it ran on.
#pragma once

#include <cstdint>

namespace iommulab {

struct iova_counters {
  uint64_t searches = 0;           ///< alloc() calls that reached the index (no range cache served)
  uint64_t nodes_visited = 0;      ///< ranges or index nodes whose bounds a search compared
  uint64_t longest_search = 0;     ///< most nodes that one search visited
  uint64_t lock_acquisitions = 0;  ///< of every lock of the allocator
  uint64_t cache_hits = 0;         ///< alloc_fast() calls that a range cache answered
  uint64_t cache_misses = 0;       ///< and those that it did not
  uint64_t nodes = 0;              ///< index nodes that are allocated now, free-listed ones apart
  uint64_t node_bytes = 0;         ///< their size in memory, and that of caches and bitmaps
};

}  // namespace iommulab
