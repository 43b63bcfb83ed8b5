// SPDX-License-Identifier: GPL-2.0-only
//
// What the kernel around the driver answers from firmware, alike in every generation.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "platform/machine/machine.h"

namespace iommulab {

/// for_each_mem_pfn_range(): usable memory, first and one-past-last frame of each range: whole
/// pages, without page 0.
std::vector<std::pair<uint64_t, uint64_t>> memory_pfn_ranges(const machine_config& machine);

/// e820__get_entry_type(): whether the firmware's map covers all of [start, end), and the entry
/// that covers its end is reserved or ACPI NVS. Empty for a machine without a map.
std::function<bool(uint64_t start, uint64_t end)> firmware_reserves(const machine_config& machine);

/// acpi_map_pxm_to_node() with node_online(); empty for a machine without proximity domains.
std::function<int(uint32_t)> node_of_proximity_domain(const machine_config& machine);

/// acpi_get_table("DMAR"): the bytes as long as the header says, or nothing. ACPICA finds a table
/// by its signature; one in firmware memory is not checked further, its checksum neither.
std::optional<absl::Span<const uint8_t>> acpi_dmar_table(const machine_config& machine);

/// How the kernel lists the table: "ACPI: DMAR ", its address and length, and in brackets revision,
/// maker, maker's table and what made it. Nothing without a table.
/// Linux v4.4 drivers/acpi/acpica/tbprint.c: acpi_tb_print_table_header()
std::optional<std::string> acpi_table_line(const machine_config& machine);

}  // namespace iommulab
