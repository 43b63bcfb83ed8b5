// SPDX-License-Identifier: GPL-2.0-only
//
// Which remapping unit sees which function: what the board's wiring decides on a real machine, and
// what its firmware's table describes (VT-d specification 8.3).
#pragma once

#include <optional>

#include "platform/dma/dma_bus.h"
#include "platform/firmware/dmar_table.h"
#include "platform/machine/machine.h"

namespace iommulab {

/// For each function of `machine` the unit that translates its requests. A unit that `sees_all`
/// has them all, whatever the table says. Otherwise the table decides: the unit that lists the
/// function, or else the nearest bridge above it as a sub-hierarchy, or else the one of its segment
/// with INCLUDE_ALL. Functions of no unit are left out: their requests go untranslated.
unit_of_slot units_of_functions(const machine_config& machine);

/// The slot that a scope's path leads to (8.3.1), whether or not a function sits there; nothing
/// where a hop before the last is no bridge, or the scope is cut.
std::optional<source_id> slot_of_scope(const machine_config& machine, uint16_t segment,
                                       const dmar_device_scope& scope);

}  // namespace iommulab
