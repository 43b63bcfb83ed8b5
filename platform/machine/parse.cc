// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/parse.h"

namespace iommulab {

std::optional<uint64_t> parse_hex_digits(std::string_view text, size_t digits) {
  if (text.size() != digits || text.starts_with("0x")) return std::nullopt;
  return parse_hex(text);
}

std::optional<uint8_t> parse_hex_byte(std::string_view text) {
  const auto value = parse_hex_digits(text, 2);
  if (!value) return std::nullopt;
  return static_cast<uint8_t>(*value);
}

std::optional<source_id> parse_pci_address(std::string_view text) {
  // SSSS:BB:DD.F
  if (text.size() != 12 || text[4] != ':' || text[7] != ':' || text[10] != '.') return std::nullopt;
  const auto segment = parse_hex(text.substr(0, 4));
  const auto bus = parse_hex(text.substr(5, 2));
  const auto device = parse_hex(text.substr(8, 2));
  const auto function = parse_hex(text.substr(11, 1));
  if (!segment || !bus || !device || !function) return std::nullopt;
  if (*device > 0x1f || *function > 7) return std::nullopt;
  return source_id{static_cast<uint16_t>(*segment), static_cast<uint8_t>(*bus),
                   pci_devfn(static_cast<unsigned>(*device), static_cast<unsigned>(*function))};
}

std::optional<uint64_t> parse_memory_size(std::string_view text) {
  unsigned shift = 20;
  if (!text.empty()) {
    switch (text.back()) {
      case 'K':
      case 'k':
        shift = 10;
        break;
      case 'M':
      case 'm':
        shift = 20;
        break;
      case 'G':
      case 'g':
        shift = 30;
        break;
      case 'T':
      case 't':
        shift = 40;
        break;
      default:
        shift = 0;
        break;
    }
    if (shift != 0) {
      text.remove_suffix(1);
    } else {
      shift = 20;
    }
  }
  const auto value = text.starts_with("0x") ? std::nullopt : parse_number(text);
  if (!value || *value == 0 || *value > (~uint64_t{0} >> shift)) return std::nullopt;
  return *value << shift;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::vector<std::string_view> split_at(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t at = text.find(separator); at != std::string_view::npos; at = text.find(separator)) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  parts.push_back(text);
  return parts;
}

}  // namespace iommulab
