// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include "cli/boot/boot_report.h"
#include "lab/events/boot_run.h"

namespace iommulab {

/// One JSON object, indented, with a newline at its end. Keys: machine, command_line, outcome,
/// log (time_ns, level, text), units (name, base, translation, root_table, registers by mnemonic),
/// groups, diagnoses, and with `traced` events. Addresses and register values are text, "0x…":
/// JSON readers keep 53 bits of a number.
std::string boot_to_json(boot_run& run, const boot_report& report, bool traced);

}  // namespace iommulab
