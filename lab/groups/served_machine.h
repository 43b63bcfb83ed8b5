// SPDX-License-Identifier: GPL-2.0-only
//
// A machine of which groups are asked, as its DMAR table's units see it.
#pragma once

#include "lab/groups/machine_groups.h"
#include "platform/machine/machine.h"

namespace iommulab {

/// The functions, the table, and a unit for each DRHD structure of it, in the table's order. Of the
/// units only where their registers are is known; there is no memory.
machine_config served_machine(const grouped_machine& machine);

}  // namespace iommulab
