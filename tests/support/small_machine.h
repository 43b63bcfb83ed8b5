// SPDX-License-Identifier: GPL-2.0-only
//
// A machine that is no larger than a test needs: some memory, one remapping unit or a few, a host
// bridge and a network function. Everything is a plain member that a test may change before
// build().
#pragma once

#include <cstdint>
#include <vector>

#include "platform/firmware/dmar_builder.h"
#include "platform/machine/machine.h"
#include "platform/pci/function_builder.h"
#include "platform/vtd/config.h"

namespace iommulab::test {

inline constexpr uint64_t small_unit_base = 0xfed90000;
inline constexpr uint64_t other_unit_base = 0xfed91000;

/// Requester ids of functions that small_machine makes or tests add.
constexpr source_id at(uint8_t bus, unsigned device, unsigned function = 0) {
  return {0, bus, static_cast<uint8_t>(device << 3 | function)};
}
inline constexpr source_id nic = at(0, 3);

/// A conventional function without anything in its configuration space but a header.
pci_function_config plain_function(source_id where, uint16_t vendor, uint16_t device,
                                   uint32_t class_code);
/// The ISA bridge for which the driver maps the first 16 MiB.
pci_function_config isa_bridge(source_id where = at(0, 0x1f));

struct small_machine {
  small_machine();

  uint64_t ram = uint64_t{64} << 20;  ///< bytes from address 0
  std::vector<remapping_unit_config> units;
  std::vector<pci_function_config> functions;  ///< host bridge 00:00.0 and nic, at first
  std::vector<pci_root> roots = {{0, 0}};
  /// The DMAR table; one INCLUDE_ALL unit at small_unit_base when it stays empty.
  std::vector<uint8_t> table;

  /// The first unit's capabilities.
  small_machine& set_cap(vtd::cap_register cap);
  small_machine& set_ecap(vtd::ecap_register ecap);
  small_machine& add_unit(uint64_t base, vtd::cap_register cap = default_cap(),
                          vtd::ecap_register ecap = default_ecap());
  /// A second unit for all but nic, which the first one keeps.
  small_machine& add_unit_for_others(vtd::cap_register cap = default_cap(),
                                     vtd::ecap_register ecap = default_ecap());
  small_machine& add_function(pci_function_config function);

  [[nodiscard]] machine_config build() const;
};

}  // namespace iommulab::test
