// SPDX-License-Identifier: GPL-2.0-only
//
// Small readings that the loaders share. Each returns false, and leaves the result alone, when the
// whole text is not what it should be.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace iommulab {

/// "123" or "0x7b"
bool parse_number(std::string_view text, uint64_t& out);
/// Hexadecimal digits without a prefix.
bool parse_hex(std::string_view text, uint64_t& out);
/// Exactly two hexadecimal digits.
bool parse_hex_byte(std::string_view text, uint8_t& out);
/// "0000:00:1f.2"
bool parse_pci_address(std::string_view text, source_id& out);
/// "1G", "512M", "2048" (MiB), as QEMU's -m takes it; the result is in bytes.
bool parse_memory_size(std::string_view text, uint64_t& out);

/// Takes `prefix` off the front of `text`; false, and nothing taken, when it is not there.
bool take_prefix(std::string_view& text, std::string_view prefix);
/// The parts of `text` between separators; empty ones count.
std::vector<std::string_view> split_at(std::string_view text, char separator);

}  // namespace iommulab
