// SPDX-License-Identifier: GPL-2.0-only
//
// The DMA Remapping Reporting table, as the VT-d specification lays it out in chapter 8: layout
// only, read with a byte_cursor. Offsets are in bytes; those of `header` count from the table's
// start, all others from the start of their own structure or scope. Numbers are little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "platform/firmware/acpi_layout.h"
#include "platform/firmware/byte_cursor.h"

namespace iommulab::dmar_layout {

inline constexpr std::string_view signature = "DMAR";

/// One bit of a flags field.
struct flag {
  unsigned bit;
  std::string_view name;  ///< The specification's mnemonic.
  std::string_view meaning;

  [[nodiscard]] constexpr bool in(uint64_t flags) const { return ((flags >> bit) & 1) != 0; }
  [[nodiscard]] constexpr uint8_t mask() const { return static_cast<uint8_t>(1U << bit); }
};

/// 8.1: the ACPI header, then these.
namespace header {
/// The platform's DMA address width, less one: 38 means 39 bits.
inline constexpr le_field<uint8_t> host_address_width{36, "host_address_width"};
inline constexpr le_field<uint8_t> flags{37, "flags"};
inline constexpr bytes_field reserved{38, 10, "reserved"};
inline constexpr std::size_t size = 48;

inline constexpr flag intr_remap{0, "INTR_REMAP", "interrupt remapping is supported"};
inline constexpr flag x2apic_opt_out{1, "X2APIC_OPT_OUT", "firmware asks not to use x2APIC mode"};
inline constexpr flag dma_ctrl_platform_opt_in{2, "DMA_CTRL_PLATFORM_OPT_IN_FLAG",
                                               "firmware asks for protection from DMA at boot"};
static_assert(host_address_width.offset == acpi_layout::header_size);
static_assert(reserved.end() == size);
}  // namespace header

/// 8.2: what each remapping structure begins with.
namespace structure {
inline constexpr le_field<uint16_t> type{0, "type"};
/// Of the structure, these four bytes and its scopes included.
inline constexpr le_field<uint16_t> length{2, "length"};
inline constexpr std::size_t header_size = 4;
}  // namespace structure

/// 8.2, values of `structure::type`.
enum class structure_type : uint16_t {
  drhd = 0,  ///< A remapping hardware unit.
  rmrr = 1,  ///< A reserved memory region.
  atsr = 2,  ///< Root ports that support ATS.
  rhsa = 3,  ///< A unit's NUMA node.
  andd = 4,  ///< An ACPI device without a PCI identity of its own.
  satc = 5,  ///< Integrated devices with an address translation cache.
  sidp = 6,  ///< Integrated devices with special properties.
};
inline constexpr uint16_t first_unknown_structure_type = 7;

/// 8.3 DMA Remapping Hardware Unit Definition; scopes follow.
namespace drhd {
inline constexpr le_field<uint8_t> flags{4, "flags"};
/// Bits 3:0 are n: the register set occupies 2^n pages of 4 KiB. Reserved, 0, in early tables.
inline constexpr le_field<uint8_t> size{5, "size"};
inline constexpr le_field<uint16_t> segment{6, "segment"};
inline constexpr le_field<uint64_t> register_base{8, "register_base_address"};
inline constexpr std::size_t fixed_size = 16;

inline constexpr flag include_pci_all{0, "INCLUDE_PCI_ALL",
                                      "all devices of the segment that no other unit names"};
inline constexpr unsigned size_order_bits = 4;
static_assert(register_base.end() == fixed_size);
}  // namespace drhd

/// 8.4 Reserved Memory Region Reporting; scopes follow.
namespace rmrr {
inline constexpr le_field<uint16_t> reserved{4, "reserved"};
inline constexpr le_field<uint16_t> segment{6, "segment"};
/// First byte of the region, 4 KiB aligned.
inline constexpr le_field<uint64_t> base{8, "base_address"};
/// Last byte of the region: not the first behind it.
inline constexpr le_field<uint64_t> limit{16, "limit_address"};
inline constexpr std::size_t fixed_size = 24;
static_assert(limit.end() == fixed_size);
}  // namespace rmrr

/// 8.5 Root Port ATS Capability Reporting; scopes follow.
namespace atsr {
inline constexpr le_field<uint8_t> flags{4, "flags"};
inline constexpr le_field<uint8_t> reserved{5, "reserved"};
inline constexpr le_field<uint16_t> segment{6, "segment"};
inline constexpr std::size_t fixed_size = 8;

inline constexpr flag all_ports{0, "ALL_PORTS", "all root ports of the segment support ATS"};
static_assert(segment.end() == fixed_size);
}  // namespace atsr

/// 8.6 Remapping Hardware Static Affinity.
namespace rhsa {
inline constexpr le_field<uint32_t> reserved{4, "reserved"};
inline constexpr le_field<uint64_t> register_base{8, "register_base_address"};
inline constexpr le_field<uint32_t> proximity_domain{16, "proximity_domain"};
inline constexpr std::size_t fixed_size = 20;
static_assert(proximity_domain.end() == fixed_size);
}  // namespace rhsa

/// 8.7 ACPI Name-space Device Declaration; the name, ended by a NUL, fills the rest.
namespace andd {
inline constexpr bytes_field reserved{4, 3, "reserved"};
/// What a namespace scope's enumeration id refers to.
inline constexpr le_field<uint8_t> device_number{7, "acpi_device_number"};
inline constexpr std::size_t fixed_size = 8;
inline constexpr std::size_t name_offset = 8;
static_assert(device_number.end() == fixed_size);
}  // namespace andd

/// 8.8 SoC Integrated Address Translation Cache; scopes follow.
namespace satc {
inline constexpr le_field<uint8_t> flags{4, "flags"};
inline constexpr le_field<uint8_t> reserved{5, "reserved"};
inline constexpr le_field<uint16_t> segment{6, "segment"};
inline constexpr std::size_t fixed_size = 8;

inline constexpr flag atc_required{0, "ATC_REQUIRED",
                                   "the devices' caches are needed for them to work"};
static_assert(segment.end() == fixed_size);
}  // namespace satc

/// 8.9 SoC Integrated Device Property; scopes follow.
namespace sidp {
inline constexpr le_field<uint16_t> reserved{4, "reserved"};
inline constexpr le_field<uint16_t> segment{6, "segment"};
inline constexpr std::size_t fixed_size = 8;
static_assert(segment.end() == fixed_size);
}  // namespace sidp

/// 8.3.1 Device scope: the fixed part, then (length - 6) / 2 path entries.
namespace scope {
inline constexpr le_field<uint8_t> type{0, "type"};
inline constexpr le_field<uint8_t> length{1, "length"};
/// Properties of the devices, in a SIDP; reserved elsewhere.
inline constexpr le_field<uint8_t> flags{2, "flags"};
inline constexpr le_field<uint8_t> reserved{3, "reserved"};
/// I/O APIC id, HPET number or ACPI device number; 0 for the other types.
inline constexpr le_field<uint8_t> enumeration_id{4, "enumeration_id"};
/// The bus on which the path begins.
inline constexpr le_field<uint8_t> start_bus{5, "start_bus_number"};
inline constexpr std::size_t fixed_size = 6;
static_assert(start_bus.end() == fixed_size);
}  // namespace scope

/// One hop of a scope's path: each but the last is a bridge to the bus of the next.
namespace path {
inline constexpr le_field<uint8_t> device{0, "device"};
inline constexpr le_field<uint8_t> function{1, "function"};
inline constexpr std::size_t size = 2;
}  // namespace path

/// 8.3.1, values of `scope::type`.
enum class scope_type : uint8_t {
  pci_endpoint = 1,
  pci_sub_hierarchy = 2,  ///< A bridge and all that lies behind it.
  ioapic = 3,
  msi_capable_hpet = 4,
  acpi_namespace_device = 5,
};

}  // namespace iommulab::dmar_layout
