// SPDX-License-Identifier: GPL-2.0-only
//
// Offsets and fields of configuration space that the PCI core reads and writes (PCI Local Bus 3.0
// chapter 6, PCI-to-PCI Bridge 1.2 chapter 3, PCI Express Base 7.5 to 7.8). Layout only.
#pragma once

#include <cstdint>

#include "core/bit_field.h"

namespace iommulab::pci_reg {

// Header, all types
inline constexpr uint16_t vendor_id = 0x00;
inline constexpr uint16_t device_id = 0x02;
inline constexpr uint16_t command = 0x04;
inline constexpr uint16_t status = 0x06;
inline constexpr uint16_t class_revision = 0x08;
inline constexpr uint16_t header_type = 0x0e;
inline constexpr uint16_t base_address_0 = 0x10;
inline constexpr field32 base_is_io{0};
inline constexpr field32 base_io_flags{1, 0};      ///< below the address in one for I/O
inline constexpr field32 base_memory_flags{3, 0};  ///< below the address in one for memory
inline constexpr field32 base_type{2, 1};
inline constexpr uint32_t base_type_64 = 2;
inline constexpr field32 base_prefetchable{3};
inline constexpr uint16_t subsystem_vendor_id = 0x2c;
inline constexpr uint16_t subsystem_id = 0x2e;
inline constexpr uint16_t rom_address = 0x30;
inline constexpr field32 rom_enable{0};
inline constexpr field32 rom_base{31, 11};
inline constexpr uint16_t capability_list = 0x34;
inline constexpr uint16_t interrupt_line = 0x3c;

inline constexpr field16 command_io{0};
inline constexpr field16 command_memory{1};
inline constexpr field16 command_bus_master{2};
inline constexpr field16 command_interrupt_disable{10};
inline constexpr field16 status_cap_list{4};
inline constexpr field8 header_layout{6, 0};  ///< pci_header_type
inline constexpr field8 header_multifunction{7};

// Header type 1: bridges
inline constexpr uint16_t primary_bus = 0x18;
inline constexpr uint16_t secondary_bus = 0x19;
inline constexpr uint16_t subordinate_bus = 0x1a;
inline constexpr uint16_t io_base = 0x1c;
inline constexpr uint16_t io_limit = 0x1d;
inline constexpr uint16_t memory_base = 0x20;
inline constexpr uint16_t memory_limit = 0x22;
inline constexpr uint16_t pref_memory_base = 0x24;
inline constexpr uint16_t pref_memory_limit = 0x26;
inline constexpr uint16_t pref_base_upper32 = 0x28;
inline constexpr uint16_t pref_limit_upper32 = 0x2c;
inline constexpr uint16_t io_base_upper16 = 0x30;
inline constexpr uint16_t io_limit_upper16 = 0x32;
inline constexpr uint16_t rom_address_bridge = 0x38;
inline constexpr uint16_t bridge_control = 0x3e;
inline constexpr field16 window_type{3, 0};      ///< of base and limit registers
inline constexpr uint16_t window_type_wide = 1;  ///< 32-bit I/O, 64-bit memory

// Header type 2: CardBus
inline constexpr uint16_t cardbus_capability_list = 0x14;

// Capabilities: id in byte 0, next in byte 1
inline constexpr uint8_t capability_id_msi = 0x05;
inline constexpr uint8_t capability_id_express = 0x10;
inline constexpr uint16_t first_capability = 0x40;
inline constexpr uint16_t first_extended_capability = 0x100;

// PCI Express capability
inline constexpr uint16_t exp_flags = 0x02;
inline constexpr field16 exp_flags_version{3, 0};
inline constexpr field16 exp_flags_type{7, 4};  ///< pci_exp_type
inline constexpr uint16_t exp_devcap2 = 0x24;
inline constexpr uint16_t exp_devctl2 = 0x28;
inline constexpr field32 exp_devcap2_ari{5};
inline constexpr field16 exp_devctl2_ari{5};

// Extended capabilities
inline constexpr field32 extended_id{15, 0};
inline constexpr field32 extended_version{19, 16};
inline constexpr field32 extended_next{31, 20};
inline constexpr uint16_t acs_capability = 0x04;
inline constexpr uint16_t acs_control = 0x06;
inline constexpr uint16_t wide_acs_control = 0x08;  ///< of Intel Sunrise Point root ports
inline constexpr uint16_t ari_capability = 0x04;
inline constexpr field16 ari_next_function{15, 8};
inline constexpr uint16_t ats_capability = 0x04;
inline constexpr field16 ats_queue_depth{4, 0};  ///< of invalidations, 0 is 32
inline constexpr uint16_t ats_control = 0x06;
inline constexpr field16 ats_smallest_unit{4, 0};  ///< the order of its pages
inline constexpr field16 ats_enable{15};
inline constexpr uint16_t pasid_capability = 0x04;
inline constexpr field16 pasid_width{12, 8};  ///< bits of an id

// Class codes, base class and sub-class
inline constexpr uint32_t class_bridge_host = 0x0600;
inline constexpr uint32_t class_bridge_pci = 0x0604;
inline constexpr uint32_t class_bridge_cardbus = 0x0607;

}  // namespace iommulab::pci_reg
