// SPDX-License-Identifier: GPL-2.0-only
//
// Offsets and fields of configuration space that the PCI core reads and writes (PCI Local Bus 3.0
// chapter 6, PCI-to-PCI Bridge 1.2 chapter 3, PCI Express Base 7.5 to 7.8). Layout only.
#pragma once

#include <cstdint>

namespace iommulab::pci_reg {

// Header, all types
inline constexpr uint16_t vendor_id = 0x00;
inline constexpr uint16_t device_id = 0x02;
inline constexpr uint16_t command = 0x04;
inline constexpr uint16_t status = 0x06;
inline constexpr uint16_t class_revision = 0x08;
inline constexpr uint16_t header_type = 0x0e;
inline constexpr uint16_t base_address_0 = 0x10;
inline constexpr uint32_t base_is_io = 1u << 0;
inline constexpr uint32_t base_mask = 0xfffffff0;  ///< the address in one for memory
inline constexpr uint16_t subsystem_vendor_id = 0x2c;
inline constexpr uint16_t subsystem_id = 0x2e;
inline constexpr uint16_t rom_address = 0x30;
inline constexpr uint16_t capability_list = 0x34;
inline constexpr uint16_t interrupt_line = 0x3c;

inline constexpr uint16_t command_io = 1u << 0;
inline constexpr uint16_t command_memory = 1u << 1;
inline constexpr uint16_t command_bus_master = 1u << 2;
inline constexpr uint16_t command_interrupt_disable = 1u << 10;
inline constexpr uint16_t status_cap_list = 1u << 4;
inline constexpr uint8_t header_type_mask = 0x7f;
inline constexpr uint8_t header_multifunction = 0x80;

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

// Header type 2: CardBus
inline constexpr uint16_t cardbus_capability_list = 0x14;

// Capabilities: id in byte 0, next in byte 1
inline constexpr uint8_t capability_id_msi = 0x05;
inline constexpr uint8_t capability_id_express = 0x10;
inline constexpr uint16_t first_capability = 0x40;
inline constexpr uint16_t first_extended_capability = 0x100;

// PCI Express capability
inline constexpr uint16_t exp_flags = 0x02;
inline constexpr unsigned exp_flags_type_shift = 4;
inline constexpr uint16_t exp_flags_type_mask = 0xf;
inline constexpr uint16_t exp_flags_version_mask = 0xf;
inline constexpr uint16_t exp_devcap2 = 0x24;
inline constexpr uint16_t exp_devctl2 = 0x28;
inline constexpr uint32_t exp_devcap2_ari = 1u << 5;
inline constexpr uint16_t exp_devctl2_ari = 1u << 5;

// Extended capabilities: id 15:0, version 19:16, next 31:20
inline constexpr uint16_t acs_capability = 0x04;
inline constexpr uint16_t acs_control = 0x06;
inline constexpr uint16_t ari_capability = 0x04;
inline constexpr unsigned ari_next_function_shift = 8;

// Class codes, base class and sub-class
inline constexpr uint32_t class_bridge_host = 0x0600;
inline constexpr uint32_t class_bridge_pci = 0x0604;
inline constexpr uint32_t class_bridge_cardbus = 0x0607;

}  // namespace iommulab::pci_reg
