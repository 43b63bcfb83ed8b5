// SPDX-License-Identifier: GPL-2.0-only
//
// Which functions can be plugged in from outside the machine, so that nobody vouches for them.
#pragma once

#include "core/pci/config_space.h"
#include "core/pci/pci.h"

namespace iommulab {

/// Sets `external_facing`, `usb4_host_interface` and `untrusted` of a function whose bus is known.
/// Releases before 5.0 trust everybody; those from 6.13 on trust a Thunderbolt controller that is
/// soldered behind the port, and not what comes through it. Linux v6.13 drivers/pci/probe.c:
/// set_pcie_untrusted(); drivers/pci/pci-acpi.c: pci_acpi_set_external_facing()
void set_pcie_untrusted(pci_dev& pdev, const pci_firmware_properties& firmware);

}  // namespace iommulab
