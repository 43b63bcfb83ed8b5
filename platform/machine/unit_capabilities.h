// SPDX-License-Identifier: GPL-2.0-or-later
//
// A remapping unit's capability registers by the names of their fields (VT-d 3.0, 10.4.2, 10.4.3).
// Each default is what a small unit has.
#pragma once

#include <cstdint>

namespace iommulab {

struct unit_capabilities {
  // Capability register
  unsigned domain_count_code = 6;        ///< ND: 2^(4 + 2·ND) domains; 6 is 65536
  bool protected_low = false;            ///< PLMR
  bool protected_high = false;           ///< PHMR
  bool caching_mode = false;             ///< CM
  bool width_39 = true;                  ///< SAGAW: three-level tables
  bool width_48 = false;                 ///< SAGAW: four-level tables
  unsigned guest_width = 39;             ///< MGAW, in bits
  bool zero_length_read = false;         ///< ZLR
  unsigned fault_record_offset = 0x220;  ///< FRO, in bytes, a multiple of 16
  bool pages_2m = true;                  ///< SLLPS
  bool pages_1g = true;                  ///< SLLPS
  bool page_selective = true;            ///< PSI
  unsigned fault_records = 1;            ///< NFR
  unsigned max_address_mask = 18;        ///< MAMV
  bool write_drain = true;               ///< DWD
  bool read_drain = true;                ///< DRD

  // Extended capability register
  bool coherent = false;             ///< C
  bool queued_invalidation = true;   ///< QI
  bool device_iotlb = false;         ///< DT
  bool interrupt_remapping = false;  ///< IR
  bool extended_interrupts = false;  ///< EIM
  bool pass_through = true;          ///< PT
  bool snoop_control = false;        ///< SC
  unsigned iotlb_offset = 0xf0;      ///< IRO, in bytes, a multiple of 16
  unsigned max_handle_mask = 0;      ///< MHMV

  [[nodiscard]] constexpr uint64_t cap() const {
    return field(domain_count_code, 0) | flag(protected_low, 5) | flag(protected_high, 6) |
           flag(caching_mode, 7) | flag(width_39, 9) | flag(width_48, 10) |
           field(guest_width - 1, 16) | flag(zero_length_read, 22) |
           field(fault_record_offset / 16, 24) | flag(pages_2m, 34) | flag(pages_1g, 35) |
           flag(page_selective, 39) | field(fault_records - 1, 40) | field(max_address_mask, 48) |
           flag(write_drain, 54) | flag(read_drain, 55);
  }
  [[nodiscard]] constexpr uint64_t ecap() const {
    return flag(coherent, 0) | flag(queued_invalidation, 1) | flag(device_iotlb, 2) |
           flag(interrupt_remapping, 3) | flag(extended_interrupts, 4) | flag(pass_through, 6) |
           flag(snoop_control, 7) | field(iotlb_offset / 16, 8) | field(max_handle_mask, 20);
  }

  /// A value, or one bit, at its place.
  static constexpr uint64_t field(uint64_t value, unsigned shift) { return value << shift; }
  static constexpr uint64_t flag(bool on, unsigned shift) { return field(on ? 1 : 0, shift); }
};

}  // namespace iommulab
