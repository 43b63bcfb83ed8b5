// SPDX-License-Identifier: GPL-2.0-only
//
// A storm: every processor makes the requests of one pattern on one domain as fast as the lock of
// its tree lets it. The lock queue is a model (lock_queue.h); what the processors do with the lock
// is not: each request goes to the allocator itself, in the order in which the model grants the
// lock, and the nodes that the allocator then visits say how long the lock is held.
//
// To find out roughly, storm_options::most_calls ends the calls early, and what they took repeats.
#pragma once

#include <cstdint>

#include "iova/lab/catalogue.h"
#include "iova/lockup/lock_queue.h"
#include "iova/lockup/pattern.h"

namespace iommulab {

struct lockup_costs {
  uint64_t base_ps = 0;  ///< of any request, its search apart
  uint64_t scan_ps = 0;  ///< of a node that a search visits
};

struct storm_options {
  lockup_shape shape;
  lockup_costs costs = {};
  lock_discipline discipline = lock_discipline::fifo;
  uint64_t seed = 1;
  uint64_t think_ps = 0;  ///< between a request and the next, without the lock
  /// The storm ends when the waits of one stretch pass this, or else when every processor has
  /// ended a stretch.
  uint64_t limit_ps = 20 * picoseconds_a_second;
  uint64_t most_build_visits = uint64_t{1} << 30;  ///< populating gives up past so many
  /// The first so many requests go to the allocator, or more until every processor has come round
  /// its pattern once. Those that follow hold the lock as long as the same parts of the pattern
  /// did, in turn.
  uint64_t most_calls = ~uint64_t{0};
};

/// What happened to the population before the storm.
enum class storm_start {
  ready,
  no_room,   ///< the allocator refused a mapping
  too_slow,  ///< populating visited more than storm_options::most_build_visits
};

struct storm_result {
  storm_start start = storm_start::ready;
  lock_queue_result queue;      ///< empty unless `ready`
  uint64_t calls = 0;           ///< of the allocator, in the storm alone
  uint64_t repeated = 0;        ///< requests after these, that took as long as calls had
  uint64_t allocations = 0;     ///< among the calls
  uint64_t failures = 0;        ///< of the allocations
  uint64_t nodes_visited = 0;   ///< by the calls
  uint64_t longest_search = 0;  ///< most nodes that one call visited

  [[nodiscard]] bool past_limit() const { return queue.past_limit.has_value(); }
};

/// `listener` may be null. `options.shape.cpus` and `.batch` >= 1.
storm_result run_storm(const iova_catalogue_entry& allocator, const lockup_pattern& pattern,
                       uint64_t population, const storm_options& options,
                       lockup_listener* listener = nullptr);

}  // namespace iommulab
