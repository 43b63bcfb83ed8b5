// SPDX-License-Identifier: GPL-2.0-only
//
// A machine as plain data: what the loaders and the built-in models produce, and what the
// composition turns into a running system. State is that of the moment when the kernel starts:
// devices unbound, DMA masks 32 bits, ACS and ATS off.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/acpi/acpi_bus.h"
#include "core/environment.h"
#include "core/types.h"
#include "platform/firmware/madt_table.h"
#include "platform/memory/physical_memory.h"
#include "platform/pci/pci_function.h"
#include "platform/pci/pci_machine.h"
#include "platform/vtd/deviations.h"
#include "platform/vtd/spec/capability.h"

namespace iommulab {

/// One remapping unit's hardware. The capability registers are the specification's
/// (10.4.2, 10.4.3).
struct remapping_unit_config {
  phys_addr base;
  uint64_t size = 0x1000;   ///< bytes of its register window
  uint32_t version = 0x10;  ///< the version register: major 7:4, minor 3:0
  vtd::cap_register cap;
  vtd::ecap_register ecap;
  /// It translates for every function, whatever the firmware's table says, as QEMU's does.
  bool sees_all = false;
  vtd_deviations deviations{};
};

/// PCI ids of QEMU's "edu".
inline constexpr uint16_t edu_vendor_id = 0x1234;
inline constexpr uint16_t edu_device_id = 0x11e8;

/// Ids of a function that stands for a hostile device (endpoints/hostile.h).
inline constexpr uint16_t hostile_vendor_id = 0x1234;
inline constexpr uint16_t hostile_device_id = 0xbad0;

/// Whether a function is an "edu", by its ids.
bool is_edu(const pci_function_config& function);

/// A property of an "edu" function.
struct edu_property {
  source_id slot;
  uint64_t dma_mask = 0;
};

/// Physical addresses that no device and no memory owns, and that read all ones in any machine.
struct address_hole {
  phys_addr start;
  uint64_t length = 0;  ///< bytes

  [[nodiscard]] bool contains(phys_addr address) const {
    return address >= start && address - start < length;
  }
};

/// Addresses that a host bridge hands down to its root bus.
struct host_bridge_window {
  pci_root root;
  phys_addr start;
  uint64_t length = 0;  ///< bytes

  bool operator==(const host_bridge_window&) const = default;
};

struct machine_config {
  std::string name;
  /// What holds bytes: RAM, and what the firmware reserved within it. Ascending.
  std::vector<memory_range> memory;
  /// The firmware's whole map (e820), reserved device space included. Ascending.
  std::vector<memory_range> firmware_map;
  std::vector<remapping_unit_config> units;
  /// The ACPI table that the firmware offers as DMAR, byte for byte; empty when it offers none.
  std::vector<uint8_t> dmar_table;
  phys_addr dmar_address;  ///< where the kernel saw it, 0 when unknown
  /// I/O APICs as the firmware's MADT lists them; empty where nobody said.
  std::vector<madt_io_apic> io_apics;
  /// The ACPI namespace, in its own order; empty for firmware without one.
  std::vector<acpi_object> acpi_namespace;
  dmi_strings dmi;
  std::string command_line;  ///< the kernel's, of a capture
  /// ACPI proximity domains that are NUMA nodes, in the order of their numbers; empty for a kernel
  /// without NUMA.
  std::vector<uint32_t> proximity_domains;
  std::vector<pci_root> pci_roots;
  std::vector<pci_function_config> pci_functions;
  /// Unowned addresses that read all ones.
  std::vector<address_hole> reads_all_ones;
  /// What every other unowned address reads, in each byte: zero in QEMU, all ones on hardware,
  /// where nobody answers the request.
  std::byte unowned_reads{0};
  /// What a device finds where a read of memory failed: see dma_bus_options.
  std::byte failed_dma_read{0xff};
  std::vector<edu_property> edus;  ///< those whose mask is not QEMU's default
  /// What the root buses' host bridges hand down, ascending; empty where nobody said.
  std::vector<host_bridge_window> pci_windows;
  /// Of a machine that is known in part: what stands in place of what nobody said, one sentence
  /// each.
  std::vector<std::string> assumed;
};

}  // namespace iommulab
