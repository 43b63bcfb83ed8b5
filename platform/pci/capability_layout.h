// SPDX-License-Identifier: GPL-2.0-only
//
// Control registers of capabilities, and which of their bits software can write (PCI Local Bus 3.0
// 6.8, PCI Power Management 1.2, PCI Express Base 3.0 chapter 7, ATS 1.1). Layout only.
#pragma once

#include <cstdint>

namespace iommulab::cap_layout {

inline constexpr uint8_t id_power_management = 0x01;
inline constexpr uint8_t id_msi_x = 0x11;

inline constexpr uint16_t pm_control = 0x04;
inline constexpr uint32_t pm_writable = 0x1f03;

inline constexpr uint16_t msi_control = 0x02;  ///< of MSI-X too
inline constexpr uint32_t msi_writable = 0x0071;
inline constexpr uint32_t msi_enable = 1u << 0;
inline constexpr uint32_t msi_64bit = 1u << 7;
inline constexpr uint32_t msi_masking = 1u << 8;
inline constexpr uint32_t msi_x_writable = 0xc000;
inline constexpr uint32_t msi_x_enable = 1u << 15;

inline constexpr uint16_t exp_device_control = 0x08;
inline constexpr uint32_t exp_device_writable = 0x7fff;
inline constexpr uint16_t exp_link_control = 0x10;
inline constexpr uint32_t exp_link_writable = 0x0fdb;
inline constexpr uint16_t exp_slot_control = 0x18;
inline constexpr uint32_t exp_slot_writable = 0x1fff;
inline constexpr uint16_t exp_root_control = 0x1c;
inline constexpr uint32_t exp_root_writable = 0x001f;
inline constexpr uint32_t exp_device_2_writable = 0x041f;  ///< ARI forwarding where supported, too

inline constexpr uint16_t ats_capability = 0x04;
inline constexpr uint16_t ats_depth_mask = 0x1f;  ///< invalidation queue depth, 0 is 32
inline constexpr uint16_t ats_control = 0x06;
inline constexpr uint16_t ats_enable = 1u << 15;
inline constexpr uint32_t ats_writable = 0x801f;
inline constexpr uint16_t pri_control = 0x04;
inline constexpr uint32_t pri_writable = 0x0003;
inline constexpr uint16_t pri_allocation = 0x0c;
inline constexpr uint16_t pasid_control = 0x06;
inline constexpr uint32_t pasid_writable = 0x0007;
/// Bits of the ACS capability that have a bit in ACS control.
inline constexpr uint32_t acs_controllable = 0x7f;

}  // namespace iommulab::cap_layout
