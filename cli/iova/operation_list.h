// SPDX-License-Identifier: GPL-2.0-only
//
// A handful of operations on the command line: "reserve 0x10 0x20; alloc 3; alloc 1 0xfffffffff;
// free 0".
#pragma once

#include <string_view>
#include <vector>

#include "core/status.h"
#include "iova/workload/operation.h"

namespace iommulab {

/// A request as a workload has it, or a reservation of size frames from limit_pfn on.
struct listed_operation {
  bool reserve = false;
  iova_operation operation;
};

/// "alloc SIZE [LIMIT]", "free N" of the Nth alloc, counted from 0, "reserve LO HI", one behind the
/// other with semicolons. EINVAL: `operation 2 is "TEXT": why`.
absl::StatusOr<std::vector<listed_operation>> parse_operation_list(std::string_view text);

}  // namespace iommulab
