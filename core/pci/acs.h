// SPDX-License-Identifier: GPL-2.0-only
//
// Access Control Services: whether a function's peer-to-peer requests are sent upstream.
#pragma once

#include <cstdint>

#include "core/pci/pci.h"

namespace iommulab {

// ACS capability and control bits (PCI Express Base 7.7.11)
inline constexpr uint16_t pci_acs_sv = 0x01;  ///< source validation
inline constexpr uint16_t pci_acs_tb = 0x02;  ///< translation blocking
inline constexpr uint16_t pci_acs_rr = 0x04;  ///< request redirect
inline constexpr uint16_t pci_acs_cr = 0x08;  ///< completion redirect
inline constexpr uint16_t pci_acs_uf = 0x10;  ///< upstream forwarding
inline constexpr uint16_t pci_acs_ec = 0x20;  ///< egress control
inline constexpr uint16_t pci_acs_dt = 0x40;  ///< direct translated

/// Whether all of `acs_flags` are in effect at this function, 4.4's device quirks included.
/// Linux v4.4 drivers/pci/pci.c: pci_acs_enabled()
bool pci_acs_enabled(pci_dev& pdev, uint16_t acs_flags);
/// What the function's capability says alone. Linux v4.4: pci_acs_flags_enabled()
bool pci_acs_flags_enabled(const pci_dev& pdev, uint16_t acs_flags);
/// pci_acs_enabled() where `flags_enabled` reads the capability.
bool pci_acs_enabled_by(pci_dev& pdev, uint16_t acs_flags,
                        absl::FunctionRef<bool(const pci_dev&, uint16_t)> flags_enabled);
/// The same for every function from `start` up to `end`, or to the root bus when `end` is null.
/// Linux v4.4 drivers/pci/pci.c: pci_acs_path_enabled()
bool pci_acs_path_enabled(pci_dev& start, pci_dev* end, uint16_t acs_flags);
/// What is turned on of what a function offers: isolation, and for what can be plugged in from
/// outside that requests which claim to be translated are blocked.
/// Linux v5.10 drivers/pci/pci.c: pci_std_enable_acs()
uint16_t acs_wanted(const pci_dev& pdev);
/// Turns ACS on where the function can, if it was requested. Linux v4.4: pci_enable_acs()
void pci_enable_acs(pci_dev& pdev);

}  // namespace iommulab
