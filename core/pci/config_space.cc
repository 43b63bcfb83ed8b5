// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/pci.h"
#include "core/pci/registers.h"

namespace iommulab {
namespace {

/// As many capabilities as fit between 40h and FFh: a longer chain is a loop.
constexpr int max_capabilities = 48;
/// The same between 100h and FFFh, 8 bytes being the smallest.
constexpr int max_extended_capabilities = (4096 - 256) / 8;

}  // namespace

uint16_t pci_config_space::read16(uint16_t offset) const {
  const unsigned low = read8(offset);
  const unsigned high = read8(static_cast<uint16_t>(offset + 1));
  return static_cast<uint16_t>(high << 8 | low);
}

uint32_t pci_config_space::read32(uint16_t offset) const {
  const uint32_t low = read16(offset);
  const uint32_t high = read16(static_cast<uint16_t>(offset + 2));
  return high << 16 | low;
}

void pci_config_space::write16(uint16_t offset, uint16_t value) {
  write8(offset, static_cast<uint8_t>(value & 0xff));
  write8(static_cast<uint16_t>(offset + 1), static_cast<uint8_t>(value >> 8));
}

void pci_config_space::write32(uint16_t offset, uint32_t value) {
  write16(offset, static_cast<uint16_t>(value & 0xffff));
  write16(static_cast<uint16_t>(offset + 2), static_cast<uint16_t>(value >> 16));
}

// Linux v4.4 drivers/pci/pci.c: pci_find_capability(), __pci_find_next_cap_ttl()
uint16_t pci_find_capability(const pci_dev& pdev, uint8_t id) {
  const pci_config_space& config = *pdev.config;
  if (!pci_reg::status_cap_list.test(config.read16(pci_reg::status))) return 0;
  uint8_t at =
      config.read8(pdev.hdr_type == pci_header_type::cardbus ? pci_reg::cardbus_capability_list
                                                             : pci_reg::capability_list);
  for (int left = max_capabilities; left > 0; --left) {
    at &= static_cast<uint8_t>(~3u);
    if (at < pci_reg::first_capability) return 0;
    const uint8_t found = config.read8(at);
    if (found == 0xff) return 0;
    if (found == id) return at;
    at = config.read8(static_cast<uint16_t>(at + 1));
  }
  return 0;
}

// Linux v4.4 drivers/pci/pci.c: pci_find_next_ext_capability()
uint16_t pci_find_ext_capability(const pci_dev& pdev, uint16_t id) {
  const pci_config_space& config = *pdev.config;
  if (config.size() <= pci_reg::first_extended_capability) return 0;
  uint16_t at = pci_reg::first_extended_capability;
  for (int left = max_extended_capabilities; left > 0; --left) {
    const uint32_t header = config.read32(at);
    if (header == 0 || header == 0xffffffff) return 0;
    if (pci_reg::extended_id.get(header) == id) return at;
    at = static_cast<uint16_t>(pci_reg::extended_next.get(header) & ~3u);
    if (at < pci_reg::first_extended_capability) return 0;
  }
  return 0;
}

}  // namespace iommulab
