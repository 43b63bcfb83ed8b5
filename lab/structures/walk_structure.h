// SPDX-License-Identifier: GPL-2.0-only
//
// The walk of one address as a structure.
#pragma once

#include <cstdint>

#include "core/structure.h"
#include "core/types.h"
#include "lab/structures/tables_in_memory.h"
#include "platform/vtd/translation.h"

namespace iommulab {

/// Every entry that the unit would read for an untranslated request of 4 bytes that no cache knows,
/// and what becomes of it: the host address, or the fault. `requester` as the unit sees it.
structure walk_structure(const tables_in_memory& tables, const vtd_unit& unit, uint16_t requester,
                         uint64_t address, dma_access access);

}  // namespace iommulab
