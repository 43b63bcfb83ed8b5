// SPDX-License-Identifier: GPL-2.0-only
//
// ACPI tables as text: what acpidump prints, whole or of one table, of any age.
//
//     DMAR @ 0x00000000CFF6E0C0
//         0000: 44 4D 41 52 50 00 00 00 01 B5 56 4D 57 41 52 45  DMARP.....VMWARE
//         …
//
// Each line has 16 bytes but the last, which has the rest of the length in the table's header. Such
// text is mailed and pasted, so quotation marks before a line, blanks and line ends of any kind are
// passed over.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace iommulab {

/// Whether it is text: no table begins with so many bytes that can be printed, as bytes 4 to 7 are
/// a length.
bool is_text(std::string_view bytes);

/// Whether there is a line that begins a table, "SIGN @ 0x…".
bool is_acpi_dump(std::string_view text);

/// The bytes of the first table with this signature, whose length they have. EINVAL, naming file
/// and line, for a table that is cut or has a line that does not read, or when there is no such
/// table; then the tables that are there are named.
absl::StatusOr<std::vector<uint8_t>> table_of_acpi_dump(std::string_view file,
                                                        std::string_view text,
                                                        std::string_view signature);

}  // namespace iommulab
