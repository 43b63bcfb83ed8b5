// SPDX-License-Identifier: GPL-2.0-only
#include "platform/firmware/acpi_table.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/ensure.h"
#include "core/status.h"
#include "core/text_source.h"
#include "platform/firmware/acpi_dump.h"

namespace iommulab {

std::optional<std::string> read_text(byte_cursor at, bytes_field field) {
  const std::optional<byte_cursor> text = at.sub(field.offset, field.size);
  if (!text) return std::nullopt;
  return std::string(text->bytes().begin(), text->bytes().end());
}

std::optional<acpi_header> read_acpi_header(byte_cursor table) {
  const std::optional<byte_cursor> head = table.sub(0, acpi_layout::header_size);
  if (!head) return std::nullopt;
  acpi_header header;
  header.signature = *read_text(*head, acpi_layout::signature);
  header.length = *head->read(acpi_layout::length);
  header.revision = *head->read(acpi_layout::revision);
  header.checksum = *head->read(acpi_layout::checksum);
  header.oem_id = *read_text(*head, acpi_layout::oem_id);
  header.oem_table_id = *read_text(*head, acpi_layout::oem_table_id);
  header.oem_revision = *head->read(acpi_layout::oem_revision);
  header.creator_id = *read_text(*head, acpi_layout::creator_id);
  header.creator_revision = *head->read(acpi_layout::creator_revision);
  return header;
}

uint8_t acpi_sum(absl::Span<const uint8_t> bytes) {
  unsigned sum = 0;
  for (const uint8_t byte : bytes) sum += byte;
  return static_cast<uint8_t>(sum);
}

uint8_t acpi_checksum(absl::Span<const uint8_t> table) {
  const unsigned present =
      table.size() > acpi_layout::checksum.offset ? table[acpi_layout::checksum.offset] : 0U;
  return static_cast<uint8_t>(present - acpi_sum(table));
}

void finish_acpi_table(std::vector<uint8_t>& table) {
  ensure(table.size() >= acpi_layout::header_size, "an ACPI table begins with its header");
  const uint64_t length = table.size();
  for (std::size_t i = 0; i < acpi_layout::length.size; ++i) {
    table[acpi_layout::length.offset + i] = static_cast<uint8_t>(length >> (8 * i));
  }
  table[acpi_layout::checksum.offset] = acpi_checksum(table);
}

absl::StatusOr<byte_cursor> whole_acpi_table(const std::string& file,
                                             absl::Span<const uint8_t> bytes,
                                             std::string_view signature) {
  const auto header = read_acpi_header(byte_cursor(bytes));
  if (!header) {
    return errno_status(EINVAL, absl::StrFormat("%s: %d bytes are no table: its header has %d",
                                                file, bytes.size(), acpi_layout::header_size));
  }
  if (header->signature != signature) {
    return errno_status(EINVAL, absl::StrFormat("%s: offset 0x0: signature is \"%s\": no %s table",
                                                file, printable(header->signature), signature));
  }
  const auto whole = byte_cursor(bytes).sub(0, header->length);
  if (!whole || header->length < acpi_layout::header_size) {
    return errno_status(EINVAL,
                        absl::StrFormat("%s: offset 0x4: length is %d: the file has %d bytes", file,
                                        header->length, bytes.size()));
  }
  return *whole;
}

std::string printable(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte <= '~') {
      result.push_back(c);
    } else {
      result += absl::StrFormat("\\x%02x", byte);
    }
  }
  return result;
}

namespace {

absl::Status too_large(const std::string& path, std::size_t limit) {
  return errno_status(
      EFBIG, absl::StrFormat("%s: has more than %d bytes: too large for a table", path, limit));
}

/// No more than the limit for what it is.
absl::Status check_size(const std::string& path, std::string_view bytes) {
  if (bytes.size() > max_table_text_size) return too_large(path, max_table_text_size);
  if (bytes.size() > max_table_file_size && !is_text(bytes)) {
    return too_large(path, max_table_file_size);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> read_stream(const std::string& path, std::istream& in) {
  std::string bytes;
  char chunk[1 << 16];
  while (in.read(chunk, sizeof(chunk)) || in.gcount() > 0) {
    bytes.append(chunk, static_cast<std::size_t>(in.gcount()));
    if (absl::Status status = check_size(path, bytes); !status.ok()) return status;
  }
  if (in.bad() || (&in == &std::cin && std::ferror(stdin) != 0)) {
    return errno_status(EIO, absl::StrFormat("%s: cannot be read", path));
  }
  return bytes;
}

absl::StatusOr<std::string> read_bytes(const std::string& path) {
  if (path == "-") return read_stream("standard input", std::cin);
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    return errno_status(error && error.value() != 0 ? error.value() : ENOENT,
                        absl::StrFormat("%s: cannot be read: %s", path,
                                        error ? error.message() : std::strerror(ENOENT)));
  }
  if (std::filesystem::is_directory(status)) {
    return errno_status(EISDIR, absl::StrFormat("%s: is a directory, not a table", path));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return errno_status(EACCES,
                        absl::StrFormat("%s: cannot be opened: %s", path, std::strerror(errno)));
  }
  return read_stream(path, file);
}

/// The table of a /sys/firmware/acpi/tables, where each is a file that its signature names.
absl::StatusOr<std::string> in_folder_of_tables(const std::string& path,
                                                std::string_view signature) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) return path;
  std::string inside = (std::filesystem::path(path) / std::string(signature)).string();
  if (std::filesystem::exists(inside, ignored)) return inside;
  return errno_status(EISDIR, absl::StrFormat("%s: is a directory, and has no table %s in it, as "
                                              "/sys/firmware/acpi/tables may have",
                                              path, signature));
}

}  // namespace

absl::StatusOr<std::vector<uint8_t>> read_table_file(const std::string& file_or_folder,
                                                     std::string_view signature) {
  const auto found = in_folder_of_tables(file_or_folder, signature);
  if (!found.ok()) return found.status();
  const std::string& path = *found;
  const std::string name = path == "-" ? "standard input" : path;
  absl::StatusOr<std::string> bytes = read_bytes(path);
  if (bytes.ok()) bytes = unpacked(name, *std::move(bytes));
  if (!bytes.ok()) return bytes.status();
  if (absl::Status size = check_size(name, *bytes); !size.ok()) return size;
  if (bytes->empty()) return errno_status(EINVAL, absl::StrFormat("%s: is empty", name));
  if (!is_text(*bytes)) return std::vector<uint8_t>(bytes->begin(), bytes->end());
  if (is_acpi_dump(*bytes)) return table_of_acpi_dump(name, *bytes, signature);
  return errno_status(
      EINVAL, absl::StrFormat("%s: is text, and neither a raw table nor what acpidump prints (a "
                              "line \"%s @ 0x…\" and lines of bytes): acpixtract or `xxd -r` makes "
                              "a table of other forms",
                              name, signature));
}

}  // namespace iommulab
