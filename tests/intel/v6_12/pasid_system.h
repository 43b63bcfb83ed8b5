// SPDX-License-Identifier: GPL-2.0-only
//
// A system in scalable mode whose network function has PASIDs, and its PASID directory and table,
// read by the VT-d specification's layouts (9.5, 9.6).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "core/iommu/v6_12/iommu.h"
#include "intel/v6_12/device.h"
#include "support/small_machine.h"
#include "support/v6_12/system.h"

namespace iommulab::test {

struct pasid_machine : small_machine {
  /// The function's PASIDs have `bits` bits; with `ats` it has a translation cache of its own, and
  /// takes four invalidations at a time.
  explicit pasid_machine(vtd::ecap_register ecap, vtd::cap_register cap = default_cap(),
                         unsigned bits = 20, bool ats = false) {
    set_cap(cap).set_ecap(ecap);
    set_function(bits, ats);
  }
  pasid_machine& set_function(std::optional<unsigned> bits, bool ats) {
    constexpr uint16_t at_ats = 0x140;
    constexpr uint16_t page_aligned = 1 << 5;
    function_builder b(nic, 0x8086, 0x1533, 0x020000);
    b.express(pci_exp_type::rc_endpoint, 0x40);
    b.extended_capability(bits ? pci_ext_cap_id_pasid : pci_ext_cap_id_acs, 1, 0x100);
    if (bits) b.device_register(0x104, 2, *bits << 8);
    if (ats) b.ats(at_ats, 4).device_register(at_ats + 4, 2, page_aligned | 4);
    functions[1] = b.build();
    return *this;
  }

  static constexpr vtd::ecap_register second_level() {
    return default_ecap().set_scalable_mode(true).set_second_level(true).set_pasid_bits(20);
  }
  static constexpr vtd::ecap_register first_level() {
    return default_ecap().set_scalable_mode(true).set_first_level(true).set_pasid_bits(20);
  }
  /// Widths for first-level tables: four levels, or up to five.
  static constexpr vtd::cap_register four_levels() {
    return default_cap().set_sagaw(0b00100).set_max_guest_address_width(48);
  }
  static constexpr vtd::cap_register five_levels() {
    return default_cap()
        .set_sagaw(0b01000)
        .set_max_guest_address_width(57)
        .set_first_level_5_levels(true);
  }
};

struct pasid_system : linux_6_12::system {
  using words = std::array<uint64_t, 8>;

  explicit pasid_system(const small_machine& machine,
                        const kernel_profile& profile = v6_12::profile())
      : system(machine.build(), "on,sm_on", "", profile) {
    EXPECT_EQ(boot(), 0);
    events().clear();
  }

  device& dev() { return system::dev(nic); }
  intel_iommu& iommu() { return *driver().dmar_drhd_units.front().iommu; }
  v6_12::iommu_domain& identity() { return *driver().ops->identity_domain; }
  v6_12::iommu_domain& new_domain() {
    int error = 0;
    return *v6_12::iommu_paging_domain_alloc(dev(), error);
  }
  int attach(v6_12::iommu_domain& domain, uint32_t pasid) {
    return v6_12::iommu_attach_device_pasid(domain, dev(), pasid, nullptr);
  }
  void detach(v6_12::iommu_domain& domain, uint32_t pasid) {
    v6_12::iommu_detach_device_pasid(domain, dev(), pasid);
  }
  /// Its id on the unit.
  unsigned id_of(const v6_12::iommu_domain& domain) {
    return v6_12::domain_id_iommu(static_cast<const v6_12::dmar_domain&>(domain), iommu());
  }
  uint64_t top_of(const v6_12::iommu_domain& domain) {
    return static_cast<const v6_12::dmar_domain&>(domain).pgd.value();
  }

  uint64_t directory() { return scalable_context(nic).first & ~uint64_t{0xfff}; }
  uint64_t link(uint32_t pasid) { return word(directory() + 8 * uint64_t{pasid >> 6}); }
  /// Where the PASID's entry is; there is a table for it.
  uint64_t entry_at(uint32_t pasid) {
    return (link(pasid) & ~uint64_t{0xfff}) + 64 * uint64_t{pasid & 63};
  }
  words entry(uint32_t pasid) {
    words all{};
    if ((link(pasid) & 1) == 0) return all;
    for (size_t i = 0; i < all.size(); ++i) all[i] = word(entry_at(pasid) + 8 * i);
    return all;
  }
};

}  // namespace iommulab::test
