// SPDX-License-Identifier: GPL-2.0-only
//
// What vfio-pci asks of the PCI core of Linux 6.12: drivers/pci/pci.c and its neighbours.
//
// Functions here do as configuration space does: a reset goes over it as the kernel's does, saved
// before and restored after. What an endpoint keeps in its registers, no reset changes: the models
// have no input for one.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "core/pci/pci.h"

namespace iommulab {

// Capability ids, PCI Code and ID Assignment, and what vfio-pci looks at in them

inline constexpr uint8_t pci_cap_id_pm = 0x01;
inline constexpr uint8_t pci_cap_id_vpd = 0x03;
inline constexpr uint8_t pci_cap_id_msi = 0x05;
inline constexpr uint8_t pci_cap_id_pcix = 0x07;
inline constexpr uint8_t pci_cap_id_ht = 0x08;
inline constexpr uint8_t pci_cap_id_vndr = 0x09;
inline constexpr uint8_t pci_cap_id_exp = 0x10;
inline constexpr uint8_t pci_cap_id_msix = 0x11;
inline constexpr uint8_t pci_cap_id_sata = 0x12;
inline constexpr uint8_t pci_cap_id_af = 0x13;
inline constexpr uint8_t pci_cap_id_max = 0x14;

inline constexpr uint16_t pci_interrupt_pin = 0x3d;
inline constexpr uint16_t pci_msi_flags = 0x02;
inline constexpr uint16_t pci_msi_flags_enable = 0x0001;
inline constexpr uint16_t pci_msi_flags_qmask = 0x000e;  ///< vectors that it can have, log2
inline constexpr uint16_t pci_msi_flags_qsize = 0x0070;  ///< vectors that it has, log2
inline constexpr uint16_t pci_msi_flags_64bit = 0x0080;
inline constexpr uint16_t pci_msi_flags_maskbit = 0x0100;
inline constexpr uint16_t pci_msi_address_lo = 0x04;
inline constexpr uint16_t pci_msi_address_hi = 0x08;
inline constexpr uint16_t pci_msi_data_32 = 0x08;
inline constexpr uint16_t pci_msi_data_64 = 0x0c;
inline constexpr uint16_t pci_msix_flags = 0x02;
inline constexpr uint16_t pci_msix_flags_qsize = 0x07ff;
inline constexpr uint16_t pci_msix_flags_maskall = 0x4000;
inline constexpr uint16_t pci_msix_flags_enable = 0x8000;
inline constexpr uint16_t pci_msix_table = 0x04;
inline constexpr uint32_t pci_msix_table_bir = 0x7;
inline constexpr uint32_t pci_msix_entry_size = 16;
inline constexpr uint16_t pci_exp_devcap = 0x04;
inline constexpr uint32_t pci_exp_devcap_flr = 1u << 28;
inline constexpr uint16_t pci_exp_devctl = 0x08;
inline constexpr uint16_t pci_exp_devctl_bcr_flr = 0x8000;
inline constexpr uint16_t pci_af_cap = 0x03;
inline constexpr uint8_t pci_af_cap_tp = 0x01;
inline constexpr uint8_t pci_af_cap_flr = 0x02;
inline constexpr uint16_t pci_pm_ctrl = 0x04;
inline constexpr uint16_t pci_pm_ctrl_state_mask = 0x0003;
inline constexpr uint16_t pci_pm_ctrl_no_soft_reset = 0x0008;
inline constexpr uint16_t pci_bridge_ctl_bus_reset = 0x40;

inline constexpr unsigned pci_rom_resource = 6;
inline constexpr uint64_t ioresource_prefetch = 0x2000;
inline constexpr uint64_t ioresource_mem_64 = 0x100000;

/// Bytes of a range; 0 for none.
uint64_t pci_resource_len(const pci_dev& pdev, unsigned bar);
void pci_clear_master(pci_dev& pdev);
/// Whether the function may assert INTx.
void pci_intx(pci_dev& pdev, bool enable);
/// The configuration as it is, for pci_restore_state().
std::vector<uint8_t> pci_save_state(const pci_dev& pdev);
void pci_restore_state(pci_dev& pdev, const std::vector<uint8_t>& state);

/// Whether the function can be reset alone, and how: 0, or -ENOTTY.
int pci_probe_reset_function(const pci_dev& pdev);
/// Resets it, and restores its configuration: 0, or -ENOTTY.
int pci_try_reset_function(pci_dev& pdev);
/// No bridge here has slots that can be reset: -ENOTTY.
int pci_probe_reset_slot(const pci_dev& pdev);
/// Whether the bridge above can reset the whole bus: 0, or -ENOTTY.
int pci_probe_reset_bus(const pci_bus& bus);
/// Resets all functions of the bus, and restores them.
int pci_reset_bus(pci_dev& pdev);

/// Functions of the bus and behind it, a bridge before what is behind it, until one call returns
/// nonzero.
int pci_walk_bus(pci_bus& bus, absl::FunctionRef<int(pci_dev&)> fn);

}  // namespace iommulab
