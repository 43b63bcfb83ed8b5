// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/chipset_acs.h"

#include "core/dev_printk.h"
#include "core/pci/registers.h"

namespace iommulab {
namespace {

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
  // Releases up to 7.1 write the lower 16 bits only, which leaves the bit as it was.
  constexpr pci_release writes_it{7, 2};
  if (pdev.bus->core->release() < writes_it) {
    pdev.config->write16(port_mpc, static_cast<uint16_t>(mpc & 0xffff));
  } else {
    pdev.config->write32(port_mpc, mpc | mpc_irbnce.mask());
  }
}

}  // namespace

void enable_chipset_acs(pci_dev& pdev) {
  if (!enable_intel_lpc_acs(pdev)) {
    dev_printk(pdev.dev, log_level::warning, "Failed to enable Intel PCH ACS quirk");
    return;
  }
  enable_intel_rp_mpc_acs(pdev);
  pdev.dev_flags |= pci_dev_flags_acs_enabled_quirk;
  dev_printk(pdev.dev, log_level::info, "Intel PCH root port ACS workaround enabled");
}

std::optional<wide_acs> wide_acs_of(const pci_dev& pdev) {
  const uint16_t at = pci_find_ext_capability(pdev, pci_ext_cap_id_acs);
  if (at == 0) return std::nullopt;
  return wide_acs{pdev.config->read32(static_cast<uint16_t>(at + pci_reg::acs_capability)),
                  pdev.config->read32(static_cast<uint16_t>(at + pci_reg::wide_acs_control))};
}

bool enable_wide_acs(const pci_dev& pdev, uint32_t wanted) {
  const std::optional<wide_acs> acs = wide_acs_of(pdev);
  if (!acs) return false;
  const uint16_t at = pci_find_ext_capability(pdev, pci_ext_cap_id_acs);
  pdev.config->write32(static_cast<uint16_t>(at + pci_reg::wide_acs_control),
                       acs->control | (acs->capability & wanted));
  dev_printk(pdev.dev, log_level::info, "Intel SPT PCH root port ACS workaround enabled");
  return true;
}

}  // namespace iommulab
