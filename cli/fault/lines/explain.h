// SPDX-License-Identifier: GPL-2.0-only
//
// What is known of a line, whichever kind it is of: by its reason, or by its message.
#pragma once

#include "cli/fault/lines/fault_line.h"
#include "cli/fault/reasons/fault_reasons.h"

namespace iommulab {

/// `known` is false where nothing can be said: an unknown reason, an unexplained line.
fault_explanation explain(const fault_line& fault);

}  // namespace iommulab
