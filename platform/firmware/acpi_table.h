// SPDX-License-Identifier: GPL-2.0-only
//
// What all ACPI tables have in common: the header of 36 bytes (ACPI specification 5.2.6), its
// checksum, and reading one from a file. Nothing here knows what a table is about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "platform/firmware/acpi_layout.h"
#include "platform/firmware/byte_cursor.h"

namespace iommulab {

struct acpi_header {
  std::string signature;  ///< Four bytes, as they are.
  uint32_t length = 0;    ///< Of the whole table in bytes, as it claims.
  uint8_t revision = 0;
  uint8_t checksum = 0;
  std::string oem_id;        ///< Six bytes, padding included.
  std::string oem_table_id;  ///< Eight bytes, padding included.
  uint32_t oem_revision = 0;
  std::string creator_id;  ///< Four bytes, as they are.
  uint32_t creator_revision = 0;
};

/// The header at the table's start, or nothing when the table ends within it.
std::optional<acpi_header> read_acpi_header(byte_cursor table);

/// The bytes of `field` as a string of the same length, or nothing when one lies outside.
std::optional<std::string> read_text(byte_cursor at, bytes_field field);

/// All bytes added up modulo 256: 0 for a table that is as its maker left it.
uint8_t acpi_sum(absl::Span<const uint8_t> bytes);

/// What the checksum byte of `table` has to be, whatever it is now. `table` is one whole table.
uint8_t acpi_checksum(absl::Span<const uint8_t> table);

/// Writes the length of `table` and its checksum into its header. `table` holds at least a header.
void finish_acpi_table(std::vector<uint8_t>& table);

/// Text of a table made fit for a terminal: bytes other than printable ASCII become "\x..".
std::string printable(std::string_view text);

/// The table that `bytes` begin with: as many as its header says. EINVAL, with the offset, for
/// another signature, and for a table that is shorter than that or than a header.
absl::StatusOr<byte_cursor> whole_acpi_table(const std::string& file,
                                             absl::Span<const uint8_t> bytes,
                                             std::string_view signature);

/// A file larger than this is not read: it cannot be a DMAR table, whose structures have lengths
/// of 16 bits and whose real examples stay below 2 KiB.
inline constexpr std::size_t max_table_file_size = std::size_t{1} << 20;

/// Text holds a table several times over, and may hold all of a machine's: larger than this is
/// none.
inline constexpr std::size_t max_table_text_size = std::size_t{64} << 20;

/// The table with this signature of a file, "-" for standard input, or of a folder that has each
/// table in a file of its name (/sys/firmware/acpi/tables). The file is the raw table, or the text
/// of acpidump (acpi_dump.h), as it is or compressed (core/text_source.h). A raw table is not
/// looked at. A missing file, a directory without it, an empty file, text of any other kind, or
/// more bytes than the limits above is an error whose sentence names the file and what it is.
absl::StatusOr<std::vector<uint8_t>> read_table_file(const std::string& file_or_folder,
                                                     std::string_view signature);

}  // namespace iommulab
