// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "cli/machines/machine_report.h"
#include "cli/output/json.h"

namespace iommulab {

/// What machine_json() says of a machine, as members of a document.
json machine_members(const machine_report& machine);

}  // namespace iommulab
