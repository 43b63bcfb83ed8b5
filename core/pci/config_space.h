// SPDX-License-Identifier: GPL-2.0-only
//
// How the PCI core reaches functions: configuration space by address, and the resource tables that
// a capture recorded. The platform implements both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/types.h"

namespace iommulab {

/// Where config space bytes live: the platform's function model. Offsets in bytes, below 4096.
/// A read of a function that does not answer gives all ones.
class pci_config_space {
 public:
  virtual ~pci_config_space() = default;
  /// 256 for a conventional function, 4096 with extended config space.
  [[nodiscard]] virtual uint16_t size() const = 0;
  [[nodiscard]] virtual uint8_t read8(uint16_t offset) const = 0;
  virtual void write8(uint16_t offset, uint8_t value) = 0;

  [[nodiscard]] uint16_t read16(uint16_t offset) const;
  [[nodiscard]] uint32_t read32(uint16_t offset) const;
  void write16(uint16_t offset, uint16_t value);
  void write32(uint16_t offset, uint32_t value);
};

/// One of the kernel's pci_dev::resource entries; flags are the kernel's IORESOURCE_* bits.
struct pci_resource {
  uint64_t start = 0;
  uint64_t end = 0;  ///< inclusive
  uint64_t flags = 0;
};
inline constexpr uint64_t ioresource_io = 0x100;
inline constexpr uint64_t ioresource_mem = 0x200;
/// 6 BARs, the ROM, 6 SR-IOV BARs (CONFIG_PCI_IOV), 4 bridge windows. A kernel without SR-IOV has
/// 11; unused entries are zero either way.
inline constexpr size_t pci_num_resources = 17;

/// Finds config space by address. The platform's machine implements it.
/// ACPI properties of a function.
struct pci_firmware_properties {
  bool external_facing_port = false;  ///< ExternalFacingPort: what is behind it is outside
  bool usb4_host_interface = false;   ///< usb4-host-interface: what is behind it comes by a tunnel
};

class pci_config_access {
 public:
  virtual ~pci_config_access() = default;
  /// Null where no function answers.
  virtual pci_config_space* config(source_id id) = 0;
  /// The kernel's resource table of a function, where the machine was captured with one (they
  /// differ from the raw BARs only in flags and ROM); null lets the core read the BARs.
  virtual const std::array<pci_resource, pci_num_resources>* recorded_resources(source_id id) {
    (void)id;
    return nullptr;
  }
  /// What firmware says of a function; nothing, unless told.
  virtual pci_firmware_properties firmware_properties(source_id id) {
    (void)id;
    return {};
  }
  /// Memory-mapped chipset registers that a quirk of the PCI core reaches (readl, writel of an
  /// ioremap()ed address). All ones and no effect where nothing is modelled.
  virtual uint32_t read_memory32(uint64_t address) {
    (void)address;
    return 0xffffffff;
  }
  virtual void write_memory32(uint64_t address, uint32_t value) {
    (void)address;
    (void)value;
  }
};

}  // namespace iommulab
