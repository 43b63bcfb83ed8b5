// SPDX-License-Identifier: GPL-2.0-only
//
// Functions whose isolation their ACS capability does not tell, or tells wrongly: what Linux knows
// of them by their ids, as a table, and since which release. Linux drivers/pci/quirks.c:
// pci_dev_acs_enabled[], pci_dev_acs_ops[].
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "core/pci/pci.h"

namespace iommulab {

/// What a row says of the functions that it names.
enum class acs_rule : uint8_t {
  /// Requests and completions between functions of the device are redirected, where an AMD IOMMU
  /// is described (IVRS) and the function sits on a root bus.
  amd_southbridge,
  multifunction,        ///< the vendor vouches that functions of the device do not talk
  integrated_endpoint,  ///< an integrated endpoint reaches its peers by translated requests only
  chipset_port,         ///< a root port, once registers of its chipset were set
  wide_registers,       ///< a root port with an ACS capability of 32-bit registers
  no_way_between,       ///< nothing leads from the port or function to its peers
  root_port,            ///< the same, of root ports alone
  port,                 ///< the same, of root and downstream ports
  other_port,      ///< a root or downstream port of the vendor's that no row above names lacks it
  other_function,  ///< a function of the vendor's that no row above names lacks it
};

struct acs_quirk_row {
  pci_release since;  ///< the first release of Linux that has it
  uint16_t vendor = 0;
  // Device ids from `first` to `last`, `step` apart.
  uint16_t first = 0;
  uint16_t last = 0;
  acs_rule rule = acs_rule::multifunction;
  std::string_view who;  ///< "Intel Sunrise Point root ports"
  uint16_t step = 1;
  pci_release until{0xffff, 0xffff};  ///< the last one

  [[nodiscard]] bool in_force(pci_release release) const {
    return release >= since && release <= until;
  }
  [[nodiscard]] bool names(uint16_t of, uint16_t id) const {
    return vendor == of && id >= first && id <= last && (id - first) % step == 0;
  }
};

/// All rows, of every release, in the order in which Linux asks them.
absl::Span<const acs_quirk_row> acs_quirk_rows();

/// Whether the registers of such a function's ACS capability are 32 bits wide.
bool has_wide_acs(uint16_t vendor, uint16_t device_id);

/// What a quirk knows of a function's ACS.
enum class acs_quirk : uint8_t { unknown, lacks, has };
struct acs_quirk_answer {
  acs_quirk known = acs_quirk::unknown;
  const acs_quirk_row* row = nullptr;  ///< whose answer it is
};

/// The first answer of a row that the core's release has.
/// Linux v4.4 drivers/pci/quirks.c: pci_dev_specific_acs_enabled()
acs_quirk_answer pci_dev_specific_acs_enabled(const pci_dev& pdev, uint16_t acs_flags);

/// Isolates what isolates itself by registers of its own. False: nothing was done.
/// Linux v4.4 drivers/pci/quirks.c: pci_dev_specific_enable_acs()
bool pci_dev_specific_enable_acs(pci_dev& pdev);

}  // namespace iommulab
