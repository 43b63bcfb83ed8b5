// SPDX-License-Identifier: GPL-2.0-only
//
// Reads what iasl printed of a table: lines like "[02Ch 0044   4]    Oem Revision : 00000001".
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace iommulab::testing {

struct dsl_field {
  std::size_t offset = 0;
  std::size_t size = 0;
  std::string label;
  /// The value as bytes of the table, least significant first. Text may be shorter than `size`:
  /// iasl stops at a NUL.
  std::vector<uint8_t> bytes;
  bool is_text = false;
};

struct dsl_decode {
  std::vector<dsl_field> fields;
  std::vector<uint8_t> raw;  ///< The hex dump at the end.
  /// iasl met a structure type that it did not know, and went no further.
  bool gave_up = false;
};

dsl_decode read_dsl(const std::filesystem::path& file);

}  // namespace iommulab::testing
