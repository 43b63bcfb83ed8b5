// SPDX-License-Identifier: GPL-2.0-only
//
// MADT, the "APIC" table (ACPI specification 5.2.12): a machine's processors and I/O APICs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/status.h"

namespace iommulab {

inline constexpr std::string_view madt_signature = "APIC";

/// An I/O APIC: DMAR tables name it by its id in a scope of its own.
struct madt_io_apic {
  uint8_t id = 0;
  uint32_t address = 0;   ///< of its registers
  uint32_t gsi_base = 0;  ///< the global system interrupt of its first pin
};

struct madt_table {
  std::vector<madt_io_apic> io_apics;
  size_t processors = 0;  ///< local APICs and local x2APICs that are enabled
};

/// `file` is for complaints. EINVAL, with the offset, for another table, one that is shorter than
/// it says, and a structure that does not fit.
absl::StatusOr<madt_table> decode_madt(const std::string& file, absl::Span<const uint8_t> bytes);

}  // namespace iommulab
