// SPDX-License-Identifier: GPL-2.0-only
//
// One PCI function as somebody listed it: what was seen of it, and where that stands.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/pci/pci.h"

namespace iommulab {

/// What reads as a vendor's id where nobody answers, and of a virtual function always.
inline constexpr uint16_t no_vendor_id = 0xffff;

// How much of configuration space there may be to see, in bytes: a header, which everybody may
// read, conventional PCI's, PCI Express'.
inline constexpr size_t config_header_size = 64;
inline constexpr size_t conventional_config_size = 256;
inline constexpr size_t express_config_size = 4096;

// Base class and sub-class
inline constexpr uint16_t class_pci_bridge = 0x0604;
inline constexpr uint16_t class_cardbus_bridge = 0x0607;

/// Where a capability lies; 0 where the listing does not say.
struct listed_capability {
  uint16_t at = 0;
};
struct listed_acs : listed_capability {
  bool has_bits = false;    ///< the two lines behind it were there
  uint16_t capability = 0;  ///< core/pci/acs.h
  uint16_t control = 0;
};
struct listed_express : listed_capability {
  pci_exp_type type = pci_exp_type::endpoint;
  bool ari_forwarding = false;
};
struct listed_ari : listed_capability {
  /// The next function of the device, by its eight bits; 0 for the last one.
  std::optional<uint8_t> next;
};
struct listed_sriov : listed_capability {
  bool enabled = true;             ///< as far as nobody says that it is not
  uint16_t virtual_functions = 0;  ///< that were switched on
  uint16_t first_offset = 0;       ///< from the function's own requester id to the first of them
  uint16_t stride = 0;             ///< from one to the next
};
struct listed_bridge {
  uint8_t primary = 0;
  uint8_t secondary = 0;
  uint8_t subordinate = 0;
};
struct listed_ids {
  uint16_t vendor = 0;
  uint16_t device = 0;
};

/// "00:1f.2", "0000:00:1f.2", "10000:e1:00.0"
struct listed_address {
  uint32_t domain = 0;  ///< more than 16 bits behind a volume management device
  uint8_t bus = 0;
  uint8_t devfn = 0;

  auto operator<=>(const listed_address&) const = default;
};
/// Nothing for what is none.
std::optional<listed_address> parse_listed_address(std::string_view text);

struct listed_function {
  std::string file;     ///< where it stands
  size_t line = 0;      ///< of the file, where it begins; 0: the file is all about it
  uint32_t domain = 0;  ///< more than 16 bits behind a volume management device
  uint8_t bus = 0;
  uint8_t devfn = 0;
  uint16_t class_code = 0;  ///< base class and sub-class
  uint8_t prog_if = 0;
  uint8_t revision = 0;
  listed_ids ids;
  bool ids_are_told = true;  ///< and not only those of `bytes`
  std::string title;         ///< what stands behind its address
  std::optional<listed_ids> subsystem;
  std::optional<listed_bridge> bridge;
  std::optional<listed_express> express;
  std::optional<listed_acs> acs;
  std::optional<listed_ari> ari;
  std::optional<listed_capability> ats;
  std::optional<listed_capability> pri;
  std::optional<listed_capability> pasid;
  std::optional<listed_sriov> sriov;
  /// "Capabilities: <access denied>", or 64 bytes: who looked was not root.
  bool denied = false;
  std::optional<unsigned> group;
  std::optional<listed_address> physical_function;  ///< of which it is a virtual one
  std::string driver;
  std::vector<uint8_t> bytes;  ///< of configuration space, from its start; empty for none

  /// "0000:00:1f.2", the domain in as many digits as it takes.
  [[nodiscard]] std::string address() const;
  [[nodiscard]] listed_address place() const { return {domain, bus, devfn}; }
  [[nodiscard]] bool is_cardbus_bridge() const { return class_code == class_cardbus_bridge; }
  /// What is behind a CardBus bridge is not looked at. A bridge that nobody gave buses has none.
  [[nodiscard]] bool leads_to_a_bus() const;
};

}  // namespace iommulab
