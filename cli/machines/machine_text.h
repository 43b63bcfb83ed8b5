// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "cli/machines/machine_report.h"

namespace iommulab {

/// "q35     1 remapping unit, 6 PCI functions, 1023 MiB of memory", one line a machine.
std::string machine_list_text(const std::vector<machine_report>& machines);
/// PCI tree, remapping units, DMAR table, ACPI namespace, memory map.
std::string machine_text(const machine_report& machine);

/// The list as one JSON array of objects with name, units, functions, memory_bytes.
std::string machine_list_json(const std::vector<machine_report>& machines);
/// The machine as one JSON object; addresses and registers as text, "0x…".
std::string machine_json(const machine_report& machine);

}  // namespace iommulab
