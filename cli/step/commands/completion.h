// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include "cli/step/lines/command_lines.h"
#include "cli/step/session/stepper.h"

namespace iommulab::step {

/// What could stand where `text` ends: a command's name, and behind it what it takes, of the run as
/// it is now: functions, expressions, stops.
completion complete_command(stepper& on, const std::string& text);

}  // namespace iommulab::step
