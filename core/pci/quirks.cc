// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/quirks.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "core/dev_printk.h"
#include "core/pci/acs.h"
#include "core/pci/registers.h"

namespace iommulab {
namespace {

// include/linux/pci_ids.h
constexpr uint16_t vendor_ati = 0x1002;
constexpr uint16_t vendor_amd = 0x1022;
constexpr uint16_t vendor_ricoh = 0x1180;
constexpr uint16_t vendor_tti = 0x1103;
constexpr uint16_t vendor_solarflare = 0x1924;
constexpr uint16_t vendor_jmicron = 0x197b;
constexpr uint16_t vendor_marvell_ext = 0x1b4b;
constexpr uint16_t vendor_asmedia = 0x1b21;
constexpr uint16_t vendor_intel = 0x8086;
constexpr uint16_t vendor_adaptec2 = 0x9005;

struct device_ids {
  uint16_t vendor;
  uint16_t device;
};

template <typename Table>
bool listed(const Table& table, const pci_dev& pdev) {
  return std::any_of(std::begin(table), std::end(table), [&](const device_ids& ids) {
    return ids.vendor == pdev.vendor && ids.device == pdev.device_id;
  });
}

// ---- Requester id aliases ----------------------------------------------------------------------

/// Controllers whose DMA bears the id of a fixed function of their device, present or not.
struct function_alias {
  device_ids ids;
  uint8_t function;
};
constexpr function_alias function_aliases[] = {
    {{vendor_ricoh, 0xe832}, 0},       {{vendor_ricoh, 0xe476}, 0},
    {{vendor_marvell_ext, 0x9120}, 1}, {{vendor_marvell_ext, 0x9123}, 1},
    {{vendor_marvell_ext, 0x9130}, 1}, {{vendor_marvell_ext, 0x9172}, 1},
    {{vendor_marvell_ext, 0x917a}, 1}, {{vendor_marvell_ext, 0x91a0}, 1},
    {{vendor_marvell_ext, 0x9230}, 1}, {{vendor_tti, 0x0642}, 1},
    {{vendor_jmicron, 0x2392}, 1},  // JMB388 ESD
};

/// Boards whose DMA bears the id of another, hidden device of the same bus.
struct fixed_alias {
  device_ids ids;
  device_ids subsystem;
  uint8_t devfn;
};
constexpr fixed_alias fixed_aliases[] = {
    // The DMA engine of the I/O processor's private device 1 (Adaptec 3405)
    {{vendor_adaptec2, 0x0285}, {vendor_adaptec2, 0x02bb}, pci_devfn(1, 0)},
};

/// PCIe-to-PCI bridges that hide their PCIe capability. Some work in either direction, so where
/// they sit decides.
constexpr device_ids pcie_bridges_in_disguise[] = {
    {vendor_asmedia, 0x1080},  // ASM1083, ASM1085
    {0x10e3, 0x8113},          // Tundra
    {0x1283, 0x8892},          // ITE
    {vendor_intel, 0x244e},    // 82801
};

void set_dma_alias(pci_dev& pdev, uint8_t devfn) {
  pdev.dma_alias_devfn = devfn;
  pdev.dev_flags |= pci_dev_flags_dma_alias_devfn;
}

}  // namespace

void quirk_dma_func1_alias(pci_dev& pdev) {
  if (pdev.func() != 1) set_dma_alias(pdev, pci_devfn(pdev.slot(), 1));
}

namespace {

/// A conventional-looking bridge right below a PCIe port must be the end of a PCIe link.
bool ends_a_pcie_link(const pci_dev& pdev) {
  const pci_dev* above = pdev.bus->self;
  return !pci_is_root_bus(*pdev.bus) && pdev.hdr_type == pci_header_type::bridge &&
         !pci_is_pcie(pdev) && above != nullptr && pci_is_pcie(*above) &&
         above->pcie_type != pci_exp_type::pci_bridge;
}

// ---- Isolation without an ACS capability
// ---------------------------------------------------------

/// AMD southbridge functions. They are isolated where an AMD IOMMU is described (IVRS): the
/// machines here have VT-d and no such table, for which 4.4's quirk gives no answer either.
constexpr device_ids amd_southbridge[] = {
    {vendor_ati, 0x4385}, {vendor_ati, 0x439c}, {vendor_ati, 0x4383}, {vendor_ati, 0x439d},
    {vendor_ati, 0x4384}, {vendor_ati, 0x4399}, {vendor_amd, 0x780f}, {vendor_amd, 0x7809},
};

/// Multifunction endpoints whose vendor vouches that functions do not talk to each other.
constexpr device_ids isolated_multifunction[] = {
    {vendor_solarflare, 0x0903},
    {vendor_solarflare, 0x0923},
    // Intel 82598, 82599, X540
    {vendor_intel, 0x10c6},
    {vendor_intel, 0x10db},
    {vendor_intel, 0x10dd},
    {vendor_intel, 0x10e1},
    {vendor_intel, 0x10f1},
    {vendor_intel, 0x10f7},
    {vendor_intel, 0x10f8},
    {vendor_intel, 0x10f9},
    {vendor_intel, 0x10fa},
    {vendor_intel, 0x10fb},
    {vendor_intel, 0x10fc},
    {vendor_intel, 0x1507},
    {vendor_intel, 0x1514},
    {vendor_intel, 0x151c},
    {vendor_intel, 0x1529},
    {vendor_intel, 0x152a},
    {vendor_intel, 0x154d},
    {vendor_intel, 0x154f},
    {vendor_intel, 0x1551},
    {vendor_intel, 0x1558},
    // 82580
    {vendor_intel, 0x1509},
    {vendor_intel, 0x150e},
    {vendor_intel, 0x150f},
    {vendor_intel, 0x1510},
    {vendor_intel, 0x1511},
    {vendor_intel, 0x1516},
    {vendor_intel, 0x1527},
    // 82576
    {vendor_intel, 0x10c9},
    {vendor_intel, 0x10e6},
    {vendor_intel, 0x10e7},
    {vendor_intel, 0x10e8},
    {vendor_intel, 0x150a},
    {vendor_intel, 0x150d},
    {vendor_intel, 0x1518},
    {vendor_intel, 0x1526},
    // 82575
    {vendor_intel, 0x10a7},
    {vendor_intel, 0x10a9},
    {vendor_intel, 0x10d6},
    // I350
    {vendor_intel, 0x1521},
    {vendor_intel, 0x1522},
    {vendor_intel, 0x1523},
    {vendor_intel, 0x1524},
    // 82571; its quad-port boards have a switch without ACS and are not listed
    {vendor_intel, 0x105e},
    {vendor_intel, 0x105f},
    {vendor_intel, 0x1060},
    {vendor_intel, 0x10d9},
    // I219
    {vendor_intel, 0x15b7},
    {vendor_intel, 0x15b8},
    // Emulex BE3-R, Skyhawk-R
    {0x19a2, 0x0710},
    {0x10df, 0x0720},
};

/// Root ports of Intel chipsets that can be isolated by registers of their own: runs of ids, `step`
/// apart.
struct id_run {
  uint16_t first;
  uint16_t last;
  uint16_t step;
};
constexpr id_run intel_pch_root_ports[] = {
    {0x3b42, 0x3b51, 1},  // Ibexpeak
    {0x1c10, 0x1c1f, 1},  // Cougarpoint
    {0x1e10, 0x1e1f, 1},  // Pantherpoint
    {0x8c10, 0x8c1f, 1},  // Lynxpoint-H
    {0x9c10, 0x9c1b, 1},  // Lynxpoint-LP
    {0x9c90, 0x9c9b, 1},  // Wildcat
    {0x1d10, 0x1d1e, 2},  // Patsburg
    {0x8d10, 0x8d1e, 1},  // Wellsburg
    {0x8c90, 0x8c9e, 2},  // Lynx Point, 9 series
};

constexpr uint16_t intel_pch_acs_flags = pci_acs_rr | pci_acs_cr | pci_acs_uf | pci_acs_sv;

bool is_intel_pch_root_port(const pci_dev& pdev) {
  if (pdev.vendor != vendor_intel || !pci_is_pcie(pdev) ||
      pdev.pcie_type != pci_exp_type::root_port) {
    return false;
  }
  const uint16_t id = pdev.device_id;
  return std::any_of(std::begin(intel_pch_root_ports), std::end(intel_pch_root_ports),
                     [id](const id_run& run) {
                       return id >= run.first && id <= run.last && (id - run.first) % run.step == 0;
                     });
}

/// Registers of the chipset's LPC bridge and of its root complex register block.
constexpr uint8_t lpc_devfn = pci_devfn(0x1f, 0);
constexpr uint16_t lpc_rcba = 0xf0;
constexpr field32 rcba_enable{0};
constexpr field32 rcba_address{31, 14};
constexpr uint64_t rcrb_bspr = 0x1104;  ///< backbone scratch pad
constexpr field32 bspr_peer_nonposted_disable{8};
constexpr field32 bspr_peer_posted_disable{9};
constexpr uint64_t rcrb_updcr = 0x1114;  ///< upstream peer decode configuration
constexpr field32 updcr_peer_decode{5, 0};
constexpr uint16_t port_mpc = 0xd8;  ///< miscellaneous port configuration
constexpr field32 mpc_irbnce{26};

/// Stops requests between root ports in the chipset's backbone. False when the register block is
/// switched off. Linux v4.4 drivers/pci/quirks.c: pci_quirk_enable_intel_lpc_acs()
bool enable_intel_lpc_acs(const pci_dev& pdev) {
  pci_config_access& access = pdev.bus->core->access();
  // The LPC bridge comes after the root ports, so that it is not a known device yet.
  const pci_config_space* lpc = access.config({pdev.bus->segment, pdev.bus->number, lpc_devfn});
  const uint32_t rcba = lpc == nullptr ? 0xffffffff : lpc->read32(lpc_rcba);
  if (!rcba_enable.test(rcba)) return false;
  const uint64_t block = rcba & rcba_address.mask();
  constexpr uint32_t both = mask_of(bspr_peer_nonposted_disable, bspr_peer_posted_disable);
  if ((access.read_memory32(block + rcrb_bspr) & both) == both) return true;
  const uint32_t updcr = access.read_memory32(block + rcrb_updcr);
  if (updcr_peer_decode.test(updcr)) {
    dev_printk(pdev.dev, log_level::info, "Disabling UPDCR peer decodes");
    access.write_memory32(block + rcrb_updcr, updcr_peer_decode.clear(updcr));
  }
  return true;
}

/// Linux v4.4 drivers/pci/quirks.c: pci_quirk_enable_intel_rp_mpc_acs()
void enable_intel_rp_mpc_acs(const pci_dev& pdev) {
  const uint32_t mpc = pdev.config->read32(port_mpc);
  if (mpc_irbnce.test(mpc)) return;
  dev_printk(pdev.dev, log_level::info, "Enabling MPC IRBNCE");
  // 4.4 writes the lower 16 bits only, which leaves the bit as it was.
  pdev.config->write16(port_mpc, static_cast<uint16_t>(mpc & 0xffff));
}

}  // namespace

void pci_header_quirks(pci_dev& pdev) {
  for (const function_alias& alias : function_aliases) {
    if (alias.ids.vendor != pdev.vendor || alias.ids.device != pdev.device_id) continue;
    if (pdev.func() != alias.function) set_dma_alias(pdev, pci_devfn(pdev.slot(), alias.function));
  }
  for (const fixed_alias& alias : fixed_aliases) {
    if (alias.ids.vendor != pdev.vendor || alias.ids.device != pdev.device_id ||
        alias.subsystem.vendor != pdev.config->read16(pci_reg::subsystem_vendor_id) ||
        alias.subsystem.device != pdev.config->read16(pci_reg::subsystem_id)) {
      continue;
    }
    set_dma_alias(pdev, alias.devfn);
    dev_printk(pdev.dev, log_level::info, "Enabling fixed DMA alias to %02x.%d", alias.devfn >> 3,
               alias.devfn & 7);
  }
  if (listed(pcie_bridges_in_disguise, pdev) && ends_a_pcie_link(pdev)) {
    pdev.dev_flags |= pci_dev_flag_pcie_bridge_alias;
  }
}

acs_quirk pci_dev_specific_acs_enabled(const pci_dev& pdev, uint16_t acs_flags) {
  const auto answer = [](bool has) { return has ? acs_quirk::has : acs_quirk::lacks; };
  if (listed(amd_southbridge, pdev)) return acs_quirk::unknown;
  if (listed(isolated_multifunction, pdev)) {
    // What does not concern functions of one device counts as given; egress control does not.
    constexpr uint16_t given =
        pci_acs_sv | pci_acs_tb | pci_acs_rr | pci_acs_cr | pci_acs_uf | pci_acs_dt;
    return answer((acs_flags & ~given) == 0);
  }
  if (is_intel_pch_root_port(pdev)) {
    const bool enabled = (pdev.dev_flags & pci_dev_flags_acs_enabled_quirk) != 0;
    return answer((acs_flags & ~(enabled ? intel_pch_acs_flags : 0)) == 0);
  }
  return acs_quirk::unknown;
}

void pci_dev_specific_enable_acs(pci_dev& pdev) {
  if (!is_intel_pch_root_port(pdev)) return;
  if (!enable_intel_lpc_acs(pdev)) {
    dev_printk(pdev.dev, log_level::warning, "Failed to enable Intel PCH ACS quirk");
    return;
  }
  enable_intel_rp_mpc_acs(pdev);
  pdev.dev_flags |= pci_dev_flags_acs_enabled_quirk;
  dev_printk(pdev.dev, log_level::info, "Intel PCH root port ACS workaround enabled");
}

}  // namespace iommulab
