// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/listing_check.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/pci/registers.h"
#include "core/text_source.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

absl::Status error(const listed_function& f, std::string_view field, std::string_view value,
                   std::string_view why) {
  return line_error(f.file, f.line, field, value, why);
}

/// Line and bytes are two accounts of one function.
absl::Status check_against_bytes(const listed_function& f) {
  if (f.bytes.size() < config_header_size) return absl::OkStatus();
  const auto ids = [](unsigned vendor, unsigned device) {
    return absl::StrFormat("%04x:%04x", vendor, device);
  };
  const std::string told = ids(f.ids.vendor, f.ids.device);
  const std::string read =
      ids(config_get(f.bytes, pci_reg::vendor_id, 2), config_get(f.bytes, pci_reg::device_id, 2));
  if (told != read) return error(f, "device", told, "the bytes say " + read);
  const uint8_t layout = pci_reg::header_layout.get(f.bytes[pci_reg::header_type]);
  const bool is_bridge = layout == static_cast<uint8_t>(pci_header_type::bridge);
  const bool should_be = f.class_code == class_pci_bridge || f.leads_to_a_bus();
  if (should_be && !is_bridge) {
    return error(f, "header type", absl::StrCat(layout), "the bytes are no bridge's");
  }
  if (!is_bridge || f.is_cardbus_bridge()) return absl::OkStatus();
  const auto bus = [&](uint16_t at) { return config_get(f.bytes, at, 1); };
  if (f.bridge->secondary != bus(pci_reg::secondary_bus) ||
      f.bridge->subordinate != bus(pci_reg::subordinate_bus)) {
    return error(f, "Bus",
                 absl::StrFormat("secondary=%02x, subordinate=%02x", f.bridge->secondary,
                                 f.bridge->subordinate),
                 absl::StrFormat("the bytes say %02x and %02x", bus(pci_reg::secondary_bus),
                                 bus(pci_reg::subordinate_bus)));
  }
  return absl::OkStatus();
}

/// A kernel that finds numbers which make no sense gives others, and what is behind the bridge
/// has other addresses than are listed; Linux has listed what it came to.
absl::Status check_buses(const listed_function& f) {
  const auto shown = [](uint8_t bus) { return absl::StrFormat("%02x", bus); };
  const listed_bridge& b = *f.bridge;
  const bool is_hard_wired = b.primary == 0;  // which Linux takes for right
  if (b.primary != f.bus && !is_hard_wired) {
    return error(f, "primary", shown(b.primary), "the bridge sits on bus " + shown(f.bus));
  }
  if (b.secondary <= f.bus) {
    return error(f, "secondary", shown(b.secondary), "not above its own bus " + shown(f.bus));
  }
  if (b.subordinate < b.secondary) {
    return error(f, "subordinate", shown(b.subordinate),
                 "less than its secondary bus " + shown(b.secondary));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status check_listing(const std::vector<listed_function>& listed) {
  std::set<listed_address> seen;
  std::set<std::pair<uint32_t, uint8_t>> secondaries;
  for (const listed_function& f : listed) {
    if (absl::Status status = check_against_bytes(f); !status.ok()) return status;
    if (f.leads_to_a_bus()) {
      if (absl::Status status = check_buses(f); !status.ok()) return status;
      if (!secondaries.insert({f.domain, f.bridge->secondary}).second) {
        return error(f, "secondary", absl::StrFormat("%02x", f.bridge->secondary),
                     "a bridge before it leads to that bus");
      }
    }
    if (!seen.insert(f.place()).second) {
      return error(f, "address", f.address(), "it is listed twice");
    }
    constexpr std::array<size_t, 5> printed = {0, config_header_size, 128, conventional_config_size,
                                               express_config_size};
    if (std::find(printed.begin(), printed.end(), f.bytes.size()) == printed.end()) {
      return error(f, "bytes", absl::StrCat(f.bytes.size()),
                   "64, 128, 256 or 4096 belong here: the listing is cut");
    }
    if (f.class_code == class_pci_bridge && !f.bridge && f.bytes.empty()) {
      return error(f, "bridge", f.address(), "its bus numbers are missing: lspci -vv shows them");
    }
  }
  return absl::OkStatus();
}

}  // namespace iommulab
