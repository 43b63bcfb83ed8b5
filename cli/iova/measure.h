// SPDX-License-Identifier: GPL-2.0-only
//
// What a workload costs on an allocator: timed on the bare host, and once more on the counting
// one. Requests go through the virtual interface, which adds the same one or two nanoseconds to
// every allocator; bench/ measures without.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/statistics.h"
#include "core/status.h"
#include "iova/lab/catalogue.h"
#include "iova/workload/runner.h"
#include "iova/workload/workload.h"

namespace iommulab {

/// Of the workload's operations, its preparation apart, unless it says otherwise.
struct iova_cost {
  uint64_t operations = 0;      ///< allocations and frees
  quartiles ns;                 ///< an operation, of the timed runs
  std::vector<double> samples;  ///< ns an operation, of each timed run
  double nodes = 0;             ///< visited, an operation
  uint64_t longest_search = 0;  ///< nodes; preparation included
  double locks = 0;             ///< acquisitions, an operation
  double hits = -1;          ///< share of the requests that a range cache served; -1: it has none
  uint64_t failures = 0;     ///< requests that got nothing
  uint64_t fallbacks = 0;    ///< requests that their second limit served
  uint64_t live = 0;         ///< allocations at the end
  uint64_t live_peak = 0;    ///< and at most, preparation included
  uint64_t table_pages = 0;  ///< that the live ranges need, at the end
  uint64_t table_pages_peak = 0;  ///< preparation included
  double bytes = -1;              ///< of memory an allocation at the end; -1: none is live
};

/// ENOMEM when the allocator cannot be made. `repeat` >= 1; 0 times nothing.
absl::StatusOr<iova_cost> measure_cost(const iova_catalogue_entry& allocator,
                                       const iova_workload& workload, unsigned repeat);

/// A part of a workload's operations.
struct iova_cost_at {
  uint64_t done = 0;  ///< operations of the workload up to its end
  quartiles cost;     ///< ns, or nodes visited, an operation; nodes are the same in every run
};
/// The same over the course of the workload, in `parts` parts.
absl::StatusOr<std::vector<iova_cost_at>> measure_course(const iova_catalogue_entry& allocator,
                                                         const iova_workload& workload,
                                                         unsigned repeat, bool time, size_t parts);

}  // namespace iommulab
