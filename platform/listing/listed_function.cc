// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/listed_function.h"

#include "absl/strings/str_format.h"
#include "platform/machine/parse.h"

namespace iommulab {

std::optional<listed_address> parse_listed_address(std::string_view text) {
  const std::vector<std::string_view> parts = split_at(text, ':');
  if (parts.size() != 2 && parts.size() != 3) return std::nullopt;
  listed_address address;
  if (parts.size() == 3) {
    const size_t digits = parts[0].size();
    if (digits < 4 || digits > 8) return std::nullopt;
    const auto domain = parse_hex_digits(parts[0], digits);
    if (!domain) return std::nullopt;
    address.domain = static_cast<uint32_t>(*domain);
  }
  const std::string_view slot = parts.back();
  if (slot.size() != 4 || slot[2] != '.' || slot[3] < '0' || slot[3] > '7') return std::nullopt;
  const auto bus = parse_hex_byte(parts[parts.size() - 2]);
  const auto device = parse_hex_byte(slot.substr(0, 2));
  if (!bus || !device || *device > 0x1f) return std::nullopt;
  address.bus = *bus;
  address.devfn = pci_devfn(*device, static_cast<unsigned>(slot[3] - '0'));
  return address;
}

std::string listed_function::address() const {
  return absl::StrFormat("%04x:%02x:%02x.%d", domain, bus, devfn >> 3, devfn & 7);
}

bool listed_function::leads_to_a_bus() const {
  return bridge && !is_cardbus_bridge() && (bridge->secondary != 0 || bridge->subordinate != 0);
}

}  // namespace iommulab
