// SPDX-License-Identifier: GPL-2.0-only
//
// Numbers as files and options write them: decimal, or hexadecimal behind 0x. No sign, no blanks,
// nothing behind the last digit.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace iommulab {

enum class number_fault : uint8_t {
  none,
  not_a_number,
  too_large,  ///< a number that does not fit 64 bits
};
/// "not a number", "does not fit 64 bits"
std::string_view name(number_fault fault);

struct number_reading {
  uint64_t value = 0;  ///< 0 where there is a fault
  number_fault fault = number_fault::none;
};

/// "123" or "0x7b", and what is wrong with it.
number_reading read_number(std::string_view text);
/// Hexadecimal digits, with 0x or without.
number_reading read_hex(std::string_view text);

/// The same where the fault does not matter.
std::optional<uint64_t> parse_number(std::string_view text);
/// Hexadecimal digits without a prefix.
std::optional<uint64_t> parse_hex(std::string_view text);

}  // namespace iommulab
