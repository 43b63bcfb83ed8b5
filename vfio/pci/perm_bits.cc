// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/pci/perm_bits.h"

#include "core/pci/registers.h"
#include "vfio/pci/config_access.h"

namespace iommulab {
namespace {

constexpr uint32_t no_virt = 0;
constexpr uint32_t no_write = 0;
constexpr uint32_t all_virt = 0xffffffff;
constexpr uint32_t all_write = 0xffffffff;

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: alloc_perm_bits()
perm_bits alloc_perm_bits(unsigned size) {
  size = (size + 3) & ~3u;
  return {std::vector<uint8_t>(size), std::vector<uint8_t>(size), vfio_default_config_read,
          vfio_default_config_write};
}

/// Of a capability: where the next one is, is for VFIO to say.
perm_bits capability_perm(unsigned size) {
  perm_bits perm = alloc_perm_bits(size);
  perm.set(pci_cap_list_next, 1, all_virt, no_write);
  return perm;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: init_pci_cap_basic_perm()
perm_bits init_pci_cap_basic_perm() {
  perm_bits perm = alloc_perm_bits(pci_std_header_sizeof);
  perm.readfn = vfio_basic_config_read;
  perm.writefn = vfio_basic_config_write;
  constexpr uint16_t cache_line_size = 0x0c;
  constexpr uint16_t latency_timer = 0x0d;
  constexpr uint16_t bist = 0x0f;
  // Virtual functions have no ids of their own.
  perm.set(pci_reg::vendor_id, 2, all_virt, no_write);
  perm.set(pci_reg::device_id, 2, all_virt, no_write);
  perm.set(pci_reg::command, 2, pci_reg::command_interrupt_disable.mask(), all_write);
  perm.set(pci_reg::status, 2, pci_reg::status_cap_list.mask(), no_write);
  perm.set(cache_line_size, 1, no_virt, all_write);
  perm.set(latency_timer, 1, no_virt, all_write);
  perm.set(bist, 1, no_virt, all_write);
  for (unsigned bar = 0; bar < pci_std_num_bars; ++bar) {
    perm.set(static_cast<uint16_t>(pci_reg::base_address_0 + 4 * bar), 4, all_virt, all_write);
  }
  perm.set(pci_reg::rom_address, 4, all_virt, all_write);
  perm.set(pci_reg::capability_list, 1, all_virt, no_write);
  perm.set(pci_reg::interrupt_line, 1, all_virt, all_write);
  perm.set(pci_interrupt_pin, 1, all_virt, no_write);
  return perm;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: init_pci_cap_pm_perm()
perm_bits init_pci_cap_pm_perm(const vfio_pci_rules& rules) {
  constexpr uint32_t pme_cap = 0xf800;
  constexpr uint32_t pme_enable_and_status = 0x8100;
  perm_bits perm = capability_perm(8);
  if (!rules.has_virtual_pme) {
    perm.set(pci_pm_ctrl, 4, no_virt, ~uint32_t{pci_pm_ctrl_state_mask});
    return perm;
  }
  perm.set(2, 2, pme_cap, no_write);
  // The power state is not written: functions here are always on.
  perm.set(pci_pm_ctrl, 4, pme_enable_and_status,
           ~(pme_enable_and_status | pci_pm_ctrl_state_mask));
  return perm;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: init_pci_cap_vpd_perm()
perm_bits init_pci_cap_vpd_perm() {
  perm_bits perm = capability_perm(8);
  perm.writefn = vfio_vpd_config_write;
  perm.set(2, 2, all_virt, all_write);
  perm.set(4, 4, all_virt, all_write);
  return perm;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: init_pci_cap_pcix_perm()
perm_bits init_pci_cap_pcix_perm() {
  perm_bits perm = capability_perm(24);
  perm.set(2, 2, no_virt, all_write);
  perm.set(8, 4, no_virt, all_write);
  return perm;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: init_pci_cap_exp_perm()
perm_bits init_pci_cap_exp_perm(const vfio_pci_rules& rules) {
  constexpr uint32_t payload = 0x00e0;
  constexpr uint32_t readrq = 0x7000;
  constexpr uint32_t phantom = 0x0200;
  perm_bits perm = capability_perm(0x34);
  if (rules.has_virtual_flr) perm.writefn = vfio_exp_config_write;
  const uint32_t virt = rules.has_virtual_flr ? pci_exp_devctl_bcr_flr | payload | readrq : no_virt;
  perm.set(pci_exp_devctl, 2, virt, ~phantom);
  perm.set(pci_reg::exp_devctl2, 2, no_virt, ~uint32_t{pci_reg::exp_devctl2_ari.mask()});
  return perm;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: init_pci_cap_af_perm()
perm_bits init_pci_cap_af_perm(const vfio_pci_rules& rules) {
  constexpr uint16_t af_ctrl = 4;
  constexpr uint32_t af_ctrl_flr = 1;
  perm_bits perm = capability_perm(6);
  if (rules.has_virtual_flr) perm.writefn = vfio_af_config_write;
  perm.set(af_ctrl, 1, rules.has_virtual_flr ? af_ctrl_flr : no_virt, af_ctrl_flr);
  return perm;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: init_pci_ext_cap_err_perm()
perm_bits init_pci_ext_cap_err_perm() {
  constexpr uint32_t uncorrectable = 0x03fff031;
  constexpr uint32_t correctable = 0x0000f1c1;
  constexpr uint32_t ecrc = 0x00000140;
  perm_bits perm = alloc_perm_bits(0x2c);
  perm.set(0, 4, all_virt, no_write);
  for (uint16_t offset = 0x04; offset <= 0x0c; offset += 4) {
    perm.set(offset, 4, no_virt, uncorrectable);
  }
  perm.set(0x10, 4, no_virt, correctable);
  perm.set(0x14, 4, no_virt, correctable);
  perm.set(0x18, 4, no_virt, ecrc);
  return perm;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: init_pci_ext_cap_pwr_perm()
perm_bits init_pci_ext_cap_pwr_perm() {
  perm_bits perm = alloc_perm_bits(0x10);
  perm.set(0, 4, all_virt, no_write);
  perm.set(8, 1, no_virt, all_write);
  return perm;
}

}  // namespace

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: p_setb(), p_setw(), p_setd()
void perm_bits::set(uint16_t offset, unsigned bytes, uint32_t virt_bits, uint32_t write_bits) {
  for (unsigned i = 0; i < bytes; ++i) {
    virt[offset + i] = static_cast<uint8_t>(virt_bits >> (8 * i));
    write[offset + i] = static_cast<uint8_t>(write_bits >> (8 * i));
  }
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_pci_init_perm_bits()
vfio_pci_permissions vfio_pci_init_perm_bits(const vfio_pci_rules& rules) {
  constexpr unsigned ext_cap_err = 0x01;
  constexpr unsigned ext_cap_pwr = 0x04;
  constexpr unsigned ext_cap_vndr = 0x0b;
  constexpr unsigned ext_cap_dvsec = 0x23;
  vfio_pci_permissions all;
  all.rules = rules;
  for (perm_bits& each : all.cap) each.readfn = vfio_direct_config_read;
  for (perm_bits& each : all.ecap) each.readfn = vfio_direct_config_read;
  all.cap[pci_cap_id_basic] = init_pci_cap_basic_perm();
  all.cap[pci_cap_id_pm] = init_pci_cap_pm_perm(rules);
  all.cap[pci_cap_id_vpd] = init_pci_cap_vpd_perm();
  all.cap[pci_cap_id_pcix] = init_pci_cap_pcix_perm();
  all.cap[pci_cap_id_vndr].writefn = vfio_raw_config_write;
  all.cap[pci_cap_id_exp] = init_pci_cap_exp_perm(rules);
  all.cap[pci_cap_id_af] = init_pci_cap_af_perm(rules);
  all.ecap[ext_cap_err] = init_pci_ext_cap_err_perm();
  all.ecap[ext_cap_pwr] = init_pci_ext_cap_pwr_perm();
  all.ecap[ext_cap_vndr].writefn = vfio_raw_config_write;
  if (rules.has_dvsec) all.ecap[ext_cap_dvsec].writefn = vfio_raw_config_write;
  return all;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: init_pci_cap_msi_perm()
perm_bits init_pci_cap_msi_perm(unsigned len, uint16_t flags) {
  perm_bits perm = capability_perm(len);
  perm.readfn = vfio_msi_config_read;
  perm.writefn = vfio_msi_config_write;
  // Only the lower byte: the upper one says what the capability can do.
  perm.set(pci_msi_flags, 1, all_virt, all_write);
  perm.set(pci_msi_address_lo, 4, all_virt, all_write);
  const bool is_wide = (flags & pci_msi_flags_64bit) != 0;
  if (is_wide) perm.set(pci_msi_address_hi, 4, all_virt, all_write);
  const uint16_t data = is_wide ? pci_msi_data_64 : pci_msi_data_32;
  perm.set(data, 2, all_virt, all_write);
  if ((flags & pci_msi_flags_maskbit) == 0) return perm;
  perm.set(static_cast<uint16_t>(data + 4), 4, no_virt, all_write);
  perm.set(static_cast<uint16_t>(data + 8), 4, no_virt, all_write);
  return perm;
}

}  // namespace iommulab
