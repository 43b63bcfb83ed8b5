// SPDX-License-Identifier: GPL-2.0-only
#include "core/number.h"

#include <charconv>
#include <system_error>

#include "core/enum_names.h"

namespace iommulab {
namespace {

constexpr int decimal = 10;
constexpr int hexadecimal = 16;
constexpr std::string_view hex_mark = "0x";

number_reading read_digits(std::string_view text, int base) {
  uint64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value, base);
  if (error == std::errc::invalid_argument || end != last) return {0, number_fault::not_a_number};
  if (error == std::errc::result_out_of_range) return {0, number_fault::too_large};
  return {value, number_fault::none};
}

std::optional<uint64_t> value_of(const number_reading& reading) {
  if (reading.fault != number_fault::none) return std::nullopt;
  return reading.value;
}

}  // namespace

std::string_view name(number_fault fault) {
  static constexpr auto names = enum_names<number_fault>({
      {number_fault::none, "a number"},
      {number_fault::not_a_number, "not a number"},
      {number_fault::too_large, "does not fit 64 bits"},
  });
  return names(fault);
}

number_reading read_number(std::string_view text) {
  if (text.starts_with(hex_mark)) return read_digits(text.substr(hex_mark.size()), hexadecimal);
  return read_digits(text, decimal);
}

number_reading read_hex(std::string_view text) {
  if (text.starts_with(hex_mark)) text.remove_prefix(hex_mark.size());
  return read_digits(text, hexadecimal);
}

std::optional<uint64_t> parse_number(std::string_view text) {
  return value_of(read_number(text));
}

std::optional<uint64_t> parse_hex(std::string_view text) {
  return value_of(read_digits(text, hexadecimal));
}

}  // namespace iommulab
