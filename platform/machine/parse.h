// SPDX-License-Identifier: GPL-2.0-only
//
// Small readings that the loaders share. Each returns nothing when the whole text is not what it
// should be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/number.h"  // IWYU pragma: export
#include "core/types.h"

namespace iommulab {

/// Exactly so many hexadecimal digits.
std::optional<uint64_t> parse_hex_digits(std::string_view text, size_t digits);
/// Exactly two hexadecimal digits.
std::optional<uint8_t> parse_hex_byte(std::string_view text);
/// "0000:00:1f.2"
std::optional<source_id> parse_pci_address(std::string_view text);
/// "1G", "512M", "2048" (MiB), as QEMU's -m takes it; the result is in bytes.
std::optional<uint64_t> parse_memory_size(std::string_view text);

/// Without blanks, tabs and line ends at either end.
std::string_view trimmed(std::string_view text);
/// Takes `prefix` off the front of `text`; false, and nothing taken, when it is not there.
bool take_prefix(std::string_view& text, std::string_view prefix);
/// The parts of `text` between separators; empty ones count.
std::vector<std::string_view> split_at(std::string_view text, char separator);

}  // namespace iommulab
