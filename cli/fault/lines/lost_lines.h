// SPDX-License-Identifier: GPL-2.0-only
//
// Lines that say that others are missing: so counts are "at least".
#pragma once

#include <optional>
#include <string_view>

#include "cli/fault/lines/fault_line.h"

namespace iommulab {

/// Of kind `suppressed`. Its subject is empty for faults that the kernel did not print
/// ("dmar_fault: 893 callbacks suppressed"), and else who lost lines of any kind.
std::optional<fault_line> lost_lines(std::string_view line);

}  // namespace iommulab
