// SPDX-License-Identifier: GPL-2.0-only
//
// Every kind of translation that Linux 6.12's driver can be made to use, each as a machine whose
// units offer it, and functions that are grouped in different ways.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/small_machine.h"

namespace iommulab::test {

struct translation_kind {
  const char* name;
  vtd::cap_register cap;
  vtd::ecap_register ecap;
  bool two_units = false;

  [[nodiscard]] bool scalable() const { return ecap.scalable_mode(); }
  [[nodiscard]] std::string intel_iommu() const { return scalable() ? "on,sm_on" : "on"; }
};
inline std::ostream& operator<<(std::ostream& out, const translation_kind& kind) {
  return out << kind.name;
}

// The functions of such a machine: two with PASIDs, two functions of one device that are not
// isolated, one behind a bridge whose requests may bear the bridge's id, and an ISA bridge, for
// which the driver maps the first 16 MiB one to one.
inline constexpr source_id first_of_pasids = at(0, 3);
inline constexpr source_id second_of_pasids = at(0, 4);
inline constexpr source_id not_isolated[] = {at(0, 5, 0), at(0, 5, 1)};
inline constexpr source_id bridge = at(0, 6);
inline constexpr source_id behind_bridge = at(1, 1);
inline constexpr source_id alias_of_bridge = at(1, 0);
inline constexpr source_id isa = at(0, 0x1f);

/// Tables of 3 to 5 levels: the unit has this width and no other. The greatest mask is odd, since
/// through registers the hint of an invalidation lands in it (README.md of intel/v6_12).
constexpr vtd::cap_register cap_of_levels(unsigned levels) {
  return default_cap()
      .set_max_address_mask(17)
      .set_sagaw(static_cast<uint8_t>(1u << (levels - 2)))
      .set_max_guest_address_width(12 + 9 * levels);
}
constexpr vtd::ecap_register scalable_ecap() {
  return default_ecap().set_scalable_mode(true).set_pasid_bits(20);
}

/// legacy_3_levels, …; see README.md of platform/vtd for what the bits mean.
inline std::vector<translation_kind> translation_kinds() {
  // Ranges of first-level tables are flushed by pages whatever their size and CAP.MAMV.
  constexpr unsigned any_mask = 63;
  const auto second = scalable_ecap().set_second_level(true);
  const auto first = scalable_ecap().set_first_level(true);
  return {
      {"legacy_3_levels", cap_of_levels(3), default_ecap()},
      {"legacy_4_levels", cap_of_levels(4).set_super_pages(0b01), default_ecap()},
      {"legacy_5_levels", cap_of_levels(5), default_ecap()},
      {"legacy_small_pages", cap_of_levels(4).set_super_pages(0), default_ecap()},
      {"legacy_caching_mode", cap_of_levels(3).set_caching_mode(true), default_ecap()},
      {"legacy_by_registers", cap_of_levels(3), default_ecap().set_queued_invalidation(false)},
      {"legacy_without_pass_through", cap_of_levels(3), default_ecap().set_pass_through(false)},
      {"legacy_by_domain", cap_of_levels(3).set_page_selective_invalidation(false), default_ecap()},
      {"legacy_two_units", cap_of_levels(4), default_ecap(), true},
      {"second_level_3_levels", cap_of_levels(3), second},
      {"second_level_4_levels", cap_of_levels(4), second},
      {"second_level_5_levels", cap_of_levels(5), second},
      {"second_level_caching_mode", cap_of_levels(3).set_caching_mode(true), second},
      {"first_level_4_levels", cap_of_levels(4).set_max_address_mask(any_mask), first},
      {"first_level_5_levels",
       cap_of_levels(5)
           .set_max_address_mask(any_mask)
           .set_first_level_5_levels(true)
           .set_first_level_1g_pages(true),
       first},
      {"both_levels", cap_of_levels(4).set_max_address_mask(any_mask),
       scalable_ecap().set_first_level(true).set_second_level(true)},
      {"both_levels_two_units", cap_of_levels(4).set_max_address_mask(any_mask),
       scalable_ecap().set_first_level(true).set_second_level(true), true},
  };
}

inline pci_function_config function_with_pasids(source_id where, unsigned bits) {
  return function_builder(where, 0x8086, 0x1533, 0x020000)
      .express(pci_exp_type::rc_endpoint, 0x40)
      .extended_capability(pci_ext_cap_id_pasid, 1, 0x100)
      .device_register(0x104, 2, bits << 8)
      .build();
}

/// The machine; with two units the first has the second function with PASIDs and the one behind
/// the bridge.
inline machine_config machine_of(const translation_kind& kind) {
  small_machine m;
  m.set_cap(kind.cap).set_ecap(kind.ecap);
  m.functions.resize(1);
  m.add_function(function_with_pasids(first_of_pasids, 16));
  m.add_function(function_with_pasids(second_of_pasids, 20));
  for (const source_id id : not_isolated) {
    m.add_function(function_builder(id, 0x1033, 0x0035, 0x0c0310).multifunction().build());
  }
  m.add_function(function_builder(bridge, 0x10b5, 0x8111, 0x060400)
                     .bridge(0, 1, 1)
                     .express(pci_exp_type::pci_bridge, 0x60)
                     .build());
  m.add_function(plain_function(behind_bridge, 0x1033, 0x0035, 0x020000));
  m.add_function(isa_bridge(isa));
  if (kind.two_units) {
    constexpr uint64_t second_base = small_unit_base + 0x1000;
    m.add_unit(second_base, kind.cap, kind.ecap);
    const dmar_scope_spec scopes[] = {
        dmar_scope_spec::endpoint(0, {{second_of_pasids.device(), 0}}),
        dmar_scope_spec::bridge(0, {{6, 0}})};
    m.table = dmar_builder(39)
                  .add_drhd(0, 0, small_unit_base, scopes)
                  .add_drhd(1, 0, second_base)
                  .finish();
  }
  return m.build();
}
/// Which of the units translates for a requester.
inline size_t unit_of(const translation_kind& kind, source_id id) {
  const bool is_of_first = id == second_of_pasids || id == bridge || id.bus != 0;
  return kind.two_units && !is_of_first ? 1 : 0;
}

}  // namespace iommulab::test
