// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include "cli/boot/boot_report.h"
#include "lab/events/boot_run.h"

namespace iommulab {

/// How the run ended, and each unit's state: a part of the summary.
std::string outcome_text(const boot_report& report);

/// The summary of a run for a terminal: what became of it, units, groups, diagnoses.
std::string boot_summary(const boot_report& report);

/// Log, or with `traced` the event stream with the log in its place, then the summary.
std::string boot_to_text(boot_run& run, const boot_report& report, bool traced);

}  // namespace iommulab
