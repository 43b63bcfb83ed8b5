// SPDX-License-Identifier: GPL-2.0-only
//
// Two boots beside each other.
#pragma once

#include "cli/runs/run_difference.h"
#include "lab/events/boot_run.h"

namespace iommulab {

/// Log lines without their times, register accesses, outcome, groups, diagnoses; with `traced` the
/// event stream too. Both runs kept their register accesses.
run_difference compare_boots(boot_run& left, boot_run& right, bool traced);

}  // namespace iommulab
