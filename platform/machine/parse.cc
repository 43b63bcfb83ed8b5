// SPDX-License-Identifier: GPL-2.0-only
#include "platform/machine/parse.h"

#include <charconv>

namespace iommulab {
namespace {

template <typename T>
bool parse_base(std::string_view text, int base, T& out) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return false;
  out = value;
  return true;
}

}  // namespace

bool parse_number(std::string_view text, uint64_t& out) {
  if (text.substr(0, 2) == "0x") return parse_base(text.substr(2), 16, out);
  return parse_base(text, 10, out);
}

bool parse_hex(std::string_view text, uint64_t& out) {
  return parse_base(text, 16, out);
}

bool parse_hex_byte(std::string_view text, uint8_t& out) {
  return text.size() == 2 && parse_base(text, 16, out);
}

bool parse_pci_address(std::string_view text, source_id& out) {
  // SSSS:BB:DD.F
  if (text.size() != 12 || text[4] != ':' || text[7] != ':' || text[10] != '.') return false;
  uint64_t segment = 0;
  uint64_t bus = 0;
  uint64_t device = 0;
  uint64_t function = 0;
  if (!parse_hex(text.substr(0, 4), segment) || !parse_hex(text.substr(5, 2), bus) ||
      !parse_hex(text.substr(8, 2), device) || !parse_hex(text.substr(11, 1), function)) {
    return false;
  }
  if (device > 0x1f || function > 7) return false;
  out = {static_cast<uint16_t>(segment), static_cast<uint8_t>(bus),
         pci_devfn(static_cast<unsigned>(device), static_cast<unsigned>(function))};
  return true;
}

bool parse_memory_size(std::string_view text, uint64_t& out) {
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
  uint64_t value = 0;
  if (!parse_base(text, 10, value) || value == 0 || value > (~uint64_t{0} >> shift)) return false;
  out = value << shift;
  return true;
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
