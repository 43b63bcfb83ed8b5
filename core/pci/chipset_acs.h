// SPDX-License-Identifier: GPL-2.0-only
//
// Root ports of Intel chipsets that are isolated by registers which no specification has.
#pragma once

#include <cstdint>
#include <optional>

#include "core/pci/pci.h"

namespace iommulab {

/// Ports without an ACS capability (Ibex Peak to Wildcat Point): stops requests between them in the
/// chipset's backbone, and marks the port as isolated when that succeeded.
/// Linux v4.4 drivers/pci/quirks.c: pci_quirk_enable_intel_pch_acs()
void enable_chipset_acs(pci_dev& pdev);

/// The registers of an ACS capability whose capability and control take 32 bits each.
struct wide_acs {
  uint32_t capability = 0;
  uint32_t control = 0;
};
/// None: the function has no ACS capability. Linux v6.12 drivers/pci/quirks.c: INTEL_SPT_ACS_CTRL
std::optional<wide_acs> wide_acs_of(const pci_dev& pdev);
/// Switches on what there is of `wanted`. False without the capability.
/// Linux v6.12 drivers/pci/quirks.c: pci_quirk_enable_intel_spt_pch_acs()
bool enable_wide_acs(const pci_dev& pdev, uint32_t wanted);

}  // namespace iommulab
