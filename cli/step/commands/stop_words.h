// SPDX-License-Identifier: GPL-2.0-only
//
// The words behind break and watch.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "cli/step/session/stepper.h"
#include "cli/step/session/stop.h"

namespace iommulab::step {

/// "alloc_iova", "alloc_iova if size==0x1", "init_dmars returns if ret!=0", "alloc_iova nth 3",
/// "log TEXT", "fault", "fault read_not_permitted", "fault 00:05.0".
absl::StatusOr<stop> parse_breakpoint(stepper& on, std::string_view words);

/// "queue", "queue dmar0", "iova", "iova 0xffffe-0xfffff", or an expression. Reads and accesses are
/// those of a register: "reg GSTS", "dmar0.GSTS".
absl::StatusOr<stop> parse_watchpoint(stepper& on, stop_kind kind, std::string_view words);

/// OK when the run can call the function; else with the name that may be meant.
absl::Status check_function(stepper& on, std::string_view name);

/// A whole number from 1 on, decimal or hexadecimal. `what` is how the error calls it.
absl::StatusOr<uint64_t> parse_count(std::string_view what, std::string_view text);

}  // namespace iommulab::step
