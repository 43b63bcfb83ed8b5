// SPDX-License-Identifier: GPL-2.0-only
//
// Workloads by name. A workload is made once, the same for every allocator and every run: nothing
// in it depends on what an allocator answers, on time, or on the machine.
//
// Invariants: an allocation's slot is empty in the workload's own order of events, whether or not
// earlier requests succeed; `cpu` of each operation is below `cpus`, `slot` below `slots`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/status.h"
#include "iova/lab/range.h"
#include "iova/workload/operation.h"

namespace iommulab {

struct iova_workload {
  std::string name;
  iova_space space;
  unsigned cpus = 1;
  uint32_t slots = 0;
  std::vector<iova_range> reserved;   ///< before anything else
  std::vector<iova_operation> setup;  ///< brings the space into the state to be studied
  std::vector<iova_operation> operations;
};

/// A family of workloads.
struct iova_workload_entry {
  std::string_view pattern;  ///< "steady-N"
  std::string_view example;  ///< "steady-4096"
  std::string_view summary;  ///< one line
};
absl::Span<const iova_workload_entry> iova_workloads();

/// "steady-4096", "nic-ring-512-shuffled", "replay:FILE" …, for all but replay optionally with
/// ":tree" or ":fast" behind it, which sends every request past or through the range caches. Also
/// as bench/ writes names: "steady/4k"; the workload's own name is the first form.
/// EINVAL: `workload is "NAME": why`; for a replayed file also what read_iova_trace() says.
absl::StatusOr<iova_workload> make_iova_workload(std::string_view name);

}  // namespace iommulab
