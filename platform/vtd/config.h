// SPDX-License-Identifier: GPL-2.0-only
//
// What one simulated remapping unit is: its capabilities by name, and the few things about a unit
// that no capability bit says.
#pragma once

#include <cstdint>
#include <string>

#include "core/status.h"
#include "platform/vtd/deviations.h"
#include "platform/vtd/spec/capability.h"

namespace iommulab {

/// Capabilities of QEMU's unit with `intremap=off`: 39-bit tables, 2 MiB and 1 GiB pages, 65536
/// domains, one fault record, both kinds of draining.
constexpr vtd::cap_register default_cap() {
  return vtd::cap_register()
      .set_number_of_domains(65536)
      .set_sagaw(0b00010)
      .set_max_guest_address_width(39)
      .set_fault_recording_offset(0x220)
      .set_super_pages(0b0011)
      .set_page_selective_invalidation(true)
      .set_number_of_fault_records(1)
      .set_max_address_mask(18)
      .set_write_drain(true)
      .set_read_drain(true);
}
constexpr vtd::ecap_register default_ecap() {
  return vtd::ecap_register().set_queued_invalidation(true).set_pass_through(true).set_iotlb_offset(
      0xf0);
}

struct vtd_config {
  std::string name = "dmar0";  ///< as the trace names the unit
  vtd::cap_register cap = default_cap();
  vtd::ecap_register ecap = default_ecap();
  uint8_t version_major = 1;
  uint8_t version_minor = 0;
  unsigned host_address_width = 39;   ///< bits of a physical address; higher ones are reserved
  uint64_t register_window = 0x1000;  ///< bytes
  uint64_t protected_alignment = uint64_t{2} << 20;  ///< of the protected regions, a power of two
  /// Drop a fault whose source already has one pending (7.3.1 leaves it to the implementation).
  bool collapse_faults = true;
  vtd_deviations deviations{};  ///< none: the specification

  /// Adds tables of `width` bits (30, 39, 48 or 57) and raises the guest width to it.
  vtd_config& add_table_width(unsigned width);
  /// Only tables of `width` bits; guest and host width follow.
  vtd_config& set_only_table_width(unsigned width);
};

/// EINVAL, with the name of the thing, for a unit that cannot be: no supported table width, a
/// guest width that no table reaches, registers outside the window or over one another, and modes
/// that this model does not have (extended context), and modes without what they stand on.
absl::Status check(const vtd_config& config);

}  // namespace iommulab
