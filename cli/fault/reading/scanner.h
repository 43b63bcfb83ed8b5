// SPDX-License-Identifier: GPL-2.0-only
//
// Reading a line of a log from left to right.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "platform/machine/parse.h"

namespace iommulab {

inline constexpr std::string_view hex_digits = "0123456789abcdefABCDEF";

class scanner {
 public:
  explicit scanner(std::string_view rest) : rest_(rest) {}

  /// Goes behind the next `text`, if there is one.
  bool skip_to(std::string_view text) {
    const size_t at = rest_.find(text);
    if (at == std::string_view::npos) return false;
    rest_.remove_prefix(at + text.size());
    return true;
  }
  bool skip(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  /// Up to one of `ends`, which stays.
  std::string_view until(std::string_view ends) {
    const std::string_view found = rest_.substr(0, rest_.find_first_of(ends));
    rest_.remove_prefix(found.size());
    return found;
  }
  /// Hexadecimal digits with or without 0x in front.
  std::optional<uint64_t> hex() {
    skip("0x");
    const size_t length = rest_.find_first_not_of(hex_digits);
    const auto value = parse_hex(rest_.substr(0, length));
    if (value) rest_.remove_prefix(length == std::string_view::npos ? rest_.size() : length);
    return value;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// The whole text is hexadecimal digits, with or without 0x in front.
inline std::optional<uint64_t> whole_hex(std::string_view text) {
  const number_reading reading = read_hex(text);
  if (reading.fault != number_fault::none) return std::nullopt;
  return reading.value;
}

}  // namespace iommulab
