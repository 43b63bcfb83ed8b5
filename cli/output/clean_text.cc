// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/clean_text.h"

#include <cstdint>
#include <optional>

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

constexpr uint8_t first_printable = 0x20;
constexpr uint8_t first_beyond_ascii = 0x7f;  // and DEL
constexpr uint32_t first_behind_c1 = 0xa0;

std::string escaped(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    absl::StrAppendFormat(&text, "\\x%02x", static_cast<uint8_t>(byte));
  }
  return text;
}

/// Bytes of the character that begins like this; 0 when none does (RFC 3629, section 3).
size_t length_of(uint8_t lead) {
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/// The character that the first `length` bytes are, as far as there are so many.
struct decoded {
  bool valid = false;  ///< up to the end of the bytes
  uint32_t code = 0;
};
decoded decode(std::string_view bytes, size_t length) {
  constexpr uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  decoded result;
  result.code = static_cast<uint8_t>(bytes[0]) & (0xffu >> (length + 1));
  const size_t there = std::min(length, bytes.size());
  for (size_t i = 1; i < there; ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    if (byte >> 6 != 2) return result;
    result.code = result.code << 6 | (byte & 0x3fu);
  }
  const bool surrogate = result.code >= 0xd800 && result.code <= 0xdfff;
  result.valid =
      there < length || (result.code >= least[length] && result.code <= 0x10ffff && !surrogate);
  return result;
}

/// How many bytes at the front belong together, and what is shown of them; nothing when the rest
/// of a character is to come.
struct shown {
  size_t taken = 1;
  std::string text;

  [[nodiscard]] bool is_escape() const { return text.size() > taken; }
};
std::optional<shown> front_of(std::string_view bytes) {
  const auto lead = static_cast<uint8_t>(bytes[0]);
  if (lead == '\n' || lead == '\t' || (lead >= first_printable && lead < first_beyond_ascii)) {
    return shown{1, std::string(bytes.substr(0, 1))};
  }
  const size_t length = length_of(lead);
  if (length == 0) return shown{1, escaped(bytes.substr(0, 1))};
  const decoded character = decode(bytes, length);
  if (!character.valid) return shown{1, escaped(bytes.substr(0, 1))};
  if (bytes.size() < length) return std::nullopt;
  const std::string_view whole = bytes.substr(0, length);
  return shown{length, character.code < first_behind_c1 ? escaped(whole) : std::string(whole)};
}

}  // namespace

std::string clean_text::operator()(std::string_view piece) {
  held_ += piece;
  std::string text;
  std::string_view bytes = held_;
  while (!bytes.empty()) {
    const auto front = front_of(bytes);
    if (!front) break;
    text += front->text;
    bytes.remove_prefix(front->taken);
  }
  held_ = std::string(bytes);
  return text;
}

std::string clean_text::rest() {
  std::string text = escaped(held_);
  held_.clear();
  return text;
}

std::string plain_text(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const shown front = front_of(text).value_or(shown{text.size(), escaped(text)});
    const bool is_blank = front.text == "\n" || front.text == "\t";
    plain += front.is_escape() ? std::string(front.taken, '?') : is_blank ? " " : front.text;
    text.remove_prefix(front.taken);
  }
  return plain;
}

}  // namespace iommulab
