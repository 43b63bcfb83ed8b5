// SPDX-License-Identifier: GPL-2.0-only
//
// A DMAR table against the machine that it describes, as far as that is known: the firmware's
// memory map, and where remapping units are. Each check appends to the findings of a decoded table
// and keeps them in order.
#pragma once

#include "absl/types/span.h"
#include "core/types.h"
#include "platform/firmware/dmar_table.h"
#include "platform/firmware/madt_table.h"
#include "platform/memory/physical_memory.h"

namespace iommulab {

/// Reserved regions are to be reserved in the map too (VT-d specification 8.4), and registers lie
/// in no usable memory. `map` is ascending and does not overlap itself; empty for one that is not
/// known, and then nothing is checked.
void check_against_memory(dmar_table& table, absl::Span<const memory_range> map);

/// Each I/O APIC of the firmware's MADT stands in a scope of some DRHD (VT-d
/// specification 8.3.1.1); empty where nobody said which there are.
void check_against_io_apics(dmar_table& table, absl::Span<const madt_io_apic> io_apics);

/// Each DRHD has its unit, and each unit its DRHD; `bases` is where units answer.
void check_against_units(dmar_table& table, absl::Span<const phys_addr> bases);

}  // namespace iommulab
