// SPDX-License-Identifier: GPL-2.0-only
//
// What a unit and the devices behind it have cached, each entry held against what the tables say
// now. An entry is stale when the same lookup would come out differently: the unit goes on using it
// until software invalidates it.
#pragma once

#include "core/structure.h"
#include "lab/structures/tables_in_memory.h"

namespace iommulab {

structure caches_of(const tables_in_memory& tables, const vtd_unit& unit);

}  // namespace iommulab
