// SPDX-License-Identifier: GPL-2.0-only
//
// What `lspci -vvnn` printed, function by function: the ids, the bridges' bus numbers, the express
// port type, ACS and its neighbours, and, of `-x` to `-xxxx`, the bytes. The wording of
// pciutils 2.2 to 3.13.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/pci/pci.h"
#include "core/status.h"
#include "core/text_source.h"

namespace iommulab {

/// Where a capability lies; 0 where the listing does not say.
struct lspci_capability {
  uint16_t at = 0;
};
struct lspci_acs : lspci_capability {
  bool has_bits = false;    ///< the two lines behind it were there
  uint16_t capability = 0;  ///< core/pci/acs.h
  uint16_t control = 0;
};
struct lspci_express : lspci_capability {
  pci_exp_type type = pci_exp_type::endpoint;
  bool ari_forwarding = false;
};
struct lspci_bridge {
  uint8_t primary = 0;
  uint8_t secondary = 0;
  uint8_t subordinate = 0;
};
struct lspci_ids {
  uint16_t vendor = 0;
  uint16_t device = 0;
};

struct lspci_function {
  size_t line = 0;      ///< of the file, where it begins
  uint32_t domain = 0;  ///< more than 16 bits behind a volume management device
  uint8_t bus = 0;
  uint8_t devfn = 0;
  uint16_t class_code = 0;  ///< base class and sub-class
  uint8_t prog_if = 0;
  uint8_t revision = 0;
  lspci_ids ids;
  std::string title;  ///< what stands behind its address
  std::optional<lspci_ids> subsystem;
  std::optional<lspci_bridge> bridge;
  std::optional<lspci_express> express;
  std::optional<lspci_acs> acs;
  std::optional<lspci_capability> ari;
  std::optional<lspci_capability> ats;
  std::optional<lspci_capability> pri;
  std::optional<lspci_capability> pasid;
  std::optional<lspci_capability> sriov;
  bool denied = false;  ///< "Capabilities: <access denied>": not printed by root
  std::optional<unsigned> group;
  std::string driver;
  std::vector<uint8_t> bytes;  ///< of configuration space, from its start; empty without -x

  /// "0000:00:1f.2", the domain in as many digits as it takes.
  [[nodiscard]] std::string address() const;
};

/// The functions in the order of the listing. EINVAL, with file, line, field and value, for a
/// listing without any, or without numeric ids, and for what does not read.
absl::StatusOr<std::vector<lspci_function>> parse_lspci(const text_source& source);

}  // namespace iommulab
