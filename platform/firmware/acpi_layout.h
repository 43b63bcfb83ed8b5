// SPDX-License-Identifier: GPL-2.0-only
//
// The header that every ACPI table begins with (ACPI specification 5.2.6): layout only. Offsets
// are in bytes from the table's start.
#pragma once

#include <cstddef>
#include <cstdint>

#include "platform/firmware/byte_cursor.h"

namespace iommulab::acpi_layout {

inline constexpr bytes_field signature{0, 4, "signature"};
/// Of the whole table, this header included, in bytes.
inline constexpr le_field<uint32_t> length{4, "length"};
inline constexpr le_field<uint8_t> revision{8, "revision"};
/// Makes all bytes of the table add up to 0 modulo 256.
inline constexpr le_field<uint8_t> checksum{9, "checksum"};
inline constexpr bytes_field oem_id{10, 6, "oem_id"};
inline constexpr bytes_field oem_table_id{16, 8, "oem_table_id"};
inline constexpr le_field<uint32_t> oem_revision{24, "oem_revision"};
inline constexpr bytes_field creator_id{28, 4, "creator_id"};
inline constexpr le_field<uint32_t> creator_revision{32, "creator_revision"};
inline constexpr std::size_t header_size = 36;

static_assert(length.offset == signature.end());
static_assert(oem_id.offset == checksum.end());
static_assert(oem_table_id.offset == oem_id.end());
static_assert(creator_id.offset == oem_revision.end());
static_assert(creator_revision.end() == header_size);

}  // namespace iommulab::acpi_layout
