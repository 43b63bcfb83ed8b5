// SPDX-License-Identifier: GPL-2.0-only
//
// What a user sees of a device's configuration space: which byte is of which capability, and which
// capabilities there are. Linux v6.12 drivers/vfio/pci/vfio_pci_config.c.
#include <algorithm>
#include <array>

#include "core/dev_printk.h"
#include "core/pci/registers.h"
#include "vfio/pci/config_access.h"

namespace iommulab {
namespace {

/// A length that the capability itself says.
constexpr uint16_t variable = 0xff;

/// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: pci_cap_length. 0: it is not shown.
constexpr std::array<uint16_t, vfio_pci_cap_ids> pci_cap_length = [] {
  std::array<uint16_t, vfio_pci_cap_ids> length{};
  constexpr uint8_t agp = 0x02;
  length[pci_cap_id_basic] = pci_std_header_sizeof;
  length[pci_cap_id_pm] = 8;
  length[agp] = 12;
  length[pci_cap_id_vpd] = 8;
  length[pci_cap_id_msi] = variable;
  length[pci_cap_id_pcix] = variable;
  length[pci_cap_id_ht] = variable;
  length[pci_cap_id_vndr] = variable;
  length[pci_cap_id_exp] = variable;
  length[pci_cap_id_msix] = 12;
  length[pci_cap_id_sata] = variable;
  length[pci_cap_id_af] = 6;
  return length;
}();

constexpr uint16_t ecap_vc = 0x02;
constexpr uint16_t ecap_mfvc = 0x08;
constexpr uint16_t ecap_vc9 = 0x09;
constexpr uint16_t ecap_vndr = 0x0b;
constexpr uint16_t ecap_rebar = 0x15;
constexpr uint16_t ecap_dpa = 0x16;
constexpr uint16_t ecap_tph = 0x17;
constexpr uint16_t ecap_dvsec = 0x23;

/// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: pci_ext_cap_length
constexpr std::array<uint16_t, vfio_pci_ecap_ids> pci_ext_cap_length = [] {
  std::array<uint16_t, vfio_pci_ecap_ids> length{};
  length[0x01] = 0x2c;  // AER
  length[ecap_vc] = variable;
  length[0x03] = 12;    // serial number
  length[0x04] = 0x10;  // power budgeting
  length[ecap_mfvc] = variable;
  length[ecap_vc9] = variable;
  length[ecap_vndr] = variable;
  length[pci_ext_cap_id_acs] = variable;
  length[pci_ext_cap_id_ari] = 8;
  length[pci_ext_cap_id_ats] = 8;
  length[pci_ext_cap_id_sriov] = 0x40;
  length[0x12] = 40;  // multicast
  length[pci_ext_cap_id_pri] = 16;
  length[ecap_rebar] = variable;
  length[ecap_dpa] = variable;
  length[ecap_tph] = variable;
  length[0x18] = 8;  // latency tolerance
  length[ecap_dvsec] = variable;
  return length;
}();

uint32_t config_dword(const vfio_pci_function& vdev, unsigned pos) {
  return vdev.pdev->config->read32(static_cast<uint16_t>(pos));
}
uint16_t config_word(const vfio_pci_function& vdev, unsigned pos) {
  return vdev.pdev->config->read16(static_cast<uint16_t>(pos));
}
uint8_t config_byte(const vfio_pci_function& vdev, unsigned pos) {
  return vdev.pdev->config->read8(static_cast<uint16_t>(pos));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_msi_cap_len()
int vfio_msi_cap_len(vfio_pci_function& vdev, unsigned pos) {
  const uint16_t flags = config_word(vdev, pos + pci_msi_flags);
  unsigned len = 10;
  if ((flags & pci_msi_flags_64bit) != 0) len += 4;
  if ((flags & pci_msi_flags_maskbit) != 0) len += 10;
  if (vdev.msi_perm == nullptr) {
    vdev.msi_perm = std::make_unique<perm_bits>(init_pci_cap_msi_perm(len, flags));
  }
  return static_cast<int>(len);
}

void look_for_extended_caps(vfio_pci_function& vdev) {
  if (vdev.pdev->config->size() <= pci_cfg_space_size) return;
  vdev.extended_caps = config_dword(vdev, pci_cfg_space_size) != 0;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_cap_len()
int vfio_cap_len(vfio_pci_function& vdev, uint8_t cap, unsigned pos) {
  switch (cap) {
    case pci_cap_id_msi:
      return vfio_msi_cap_len(vdev, pos);
    case pci_cap_id_pcix:
      if ((config_word(vdev, pos + 2) >> 12 & 3) == 0) return 8;
      look_for_extended_caps(vdev);
      return 24;
    case pci_cap_id_vndr:
      return config_byte(vdev, pos + 2);
    case pci_cap_id_exp: {
      look_for_extended_caps(vdev);
      const bool has_link = vdev.pdev->pcie_type != pci_exp_type::rc_endpoint;
      const uint16_t flags = config_word(vdev, pos + pci_reg::exp_flags);
      const bool is_first = pci_reg::exp_flags_version.get(flags) == 1;
      if (!vdev.permissions.rules.has_second_link) return is_first ? 20 : 0x2c;
      if (is_first) return has_link ? 20 : 0xc;
      return has_link ? 0x34 : 0x2c;
    }
    case pci_cap_id_ht:
      return (config_byte(vdev, pos + 3) & 0xe0) != 0 ? 24 : 28;
    case pci_cap_id_sata:
      return (config_byte(vdev, pos + 4) & 0xf) == 0xf ? 16 : 8;
    default:
      return 0;
  }
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_vc_cap_len()
int vfio_vc_cap_len(const vfio_pci_function& vdev, unsigned pos) {
  const unsigned evcc = config_dword(vdev, pos + 4) & 7;
  const uint32_t arbitration = config_dword(vdev, pos + 8);
  unsigned phases = 0;
  for (unsigned bit = 1; bit <= 3; ++bit) {
    if ((arbitration >> bit & 1) != 0) phases = 16u << bit;
  }
  unsigned len = 0x10 + (1 + evcc) * 0xc;
  if (phases != 0) len = ((len + 15) & ~15u) + phases * 4 / 8;
  return static_cast<int>(len);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_ext_cap_len()
int vfio_ext_cap_len(const vfio_pci_function& vdev, uint16_t ecap, unsigned pos) {
  switch (ecap) {
    case ecap_vndr:
    case ecap_dvsec:
      return static_cast<int>(config_dword(vdev, pos + 4) >> 20);
    case ecap_vc:
    case ecap_vc9:
    case ecap_mfvc:
      return vfio_vc_cap_len(vdev, pos);
    case pci_ext_cap_id_acs: {
      constexpr uint8_t egress_control = 0x20;
      if ((config_byte(vdev, pos + 4) & egress_control) == 0) return 8;
      const unsigned bits = config_byte(vdev, pos + 5);
      return static_cast<int>(8 + (bits != 0 ? (bits + 31) & ~31u : 256) / 8);
    }
    case ecap_rebar:
      return 4 + ((config_byte(vdev, pos + 8) & 0xe0) >> 5) * 8;
    case ecap_dpa:
      return 16 + (config_byte(vdev, pos + 4) & 0x1f) + 1;
    case ecap_tph: {
      const uint32_t cap = config_dword(vdev, pos + 4);
      constexpr uint32_t table_here = 0x200;
      if ((cap & 0x600) != table_here) return 0xc;
      return static_cast<int>(0xc + (cap >> 16 & 0x7ff) * 2 + 2);
    }
    default:
      return 0;
  }
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_fill_vconfig_bytes()
void vfio_fill_vconfig_bytes(vfio_pci_function& vdev, unsigned offset, unsigned size) {
  for (unsigned i = offset; i < offset + size; ++i) vdev.vconfig[i] = config_byte(vdev, i);
}

/// The capability's bytes are the capability's; as many as there are.
unsigned claim(vfio_pci_function& vdev, unsigned pos, int len, uint8_t cap, const char* kind) {
  const auto size = static_cast<unsigned>(vdev.pci_config_map.size());
  const unsigned end = std::min(pos + static_cast<unsigned>(len), size);
  for (unsigned i = pos; i < end; ++i) {
    if (vdev.pci_config_map[i] == pci_cap_id_invalid) continue;
    dev_printk(vdev.pdev->dev, log_level::warning,
               "vfio_%sinit: PCI config conflict @%#x, was %s %#x now %s %#x", kind, i, kind,
               vdev.pci_config_map[i], kind, cap);
  }
  std::fill(vdev.pci_config_map.begin() + pos, vdev.pci_config_map.begin() + end, cap);
  vfio_fill_vconfig_bytes(vdev, pos, end - pos);
  return end - pos;
}

/// Power management events are no user's.
void vfio_update_pm_vconfig_bytes(vfio_pci_function& vdev, uint16_t offset) {
  const auto pmc = static_cast<uint16_t>(offset + 2);
  const auto ctrl = static_cast<uint16_t>(offset + pci_pm_ctrl);
  vconfig_set(vdev, pmc, 2, vconfig_get(vdev, pmc, 2) & ~uint32_t{0xf800});
  vconfig_set(vdev, ctrl, 2, vconfig_get(vdev, ctrl, 2) & ~uint32_t{0x8100});
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_cap_init()
void vfio_cap_init(vfio_pci_function& vdev) {
  if (!pci_reg::status_cap_list.test(config_word(vdev, pci_reg::status))) return;
  uint16_t prev = pci_reg::capability_list;
  unsigned pos = config_byte(vdev, pci_reg::capability_list);
  int caps = 0;
  for (int loops = (pci_cfg_space_size - pci_std_header_sizeof) / 4; pos != 0 && loops > 0;
       --loops) {
    const uint8_t cap = config_byte(vdev, pos);
    const uint8_t next = config_byte(vdev, pos + pci_cap_list_next);
    int len = cap != 0 && cap < pci_cap_length.size() ? pci_cap_length[cap] : 0;
    if (len == variable) len = vfio_cap_len(vdev, cap, pos);
    if (len == 0) {
      // It is not shown: the one before points past it.
      vdev.vconfig[prev] = next;
      pos = next;
      continue;
    }
    claim(vdev, pos, len, cap, "cap_");
    if (cap == pci_cap_id_pm && vdev.permissions.rules.has_virtual_pme) {
      vfio_update_pm_vconfig_bytes(vdev, static_cast<uint16_t>(pos));
    }
    prev = static_cast<uint16_t>(pos + pci_cap_list_next);
    pos = next;
    ++caps;
  }
  if (caps != 0) return;
  const uint32_t status = vconfig_get(vdev, pci_reg::status, 2);
  vconfig_set(vdev, pci_reg::status, 2, status & ~uint32_t{pci_reg::status_cap_list.mask()});
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_ecap_init()
void vfio_ecap_init(vfio_pci_function& vdev) {
  if (!vdev.extended_caps) return;
  const unsigned size = vdev.pdev->config->size();
  constexpr uint32_t next_bits = 0xffcu << 20;
  unsigned prev = 0;
  unsigned epos = pci_cfg_space_size;
  int ecaps = 0;
  for (unsigned loops = (size - pci_cfg_space_size) / 4;
       loops > 0 && epos >= pci_cfg_space_size && epos + 4 <= size; --loops) {
    const uint32_t header = config_dword(vdev, epos);
    const auto ecap = static_cast<uint16_t>(pci_reg::extended_id.get(header));
    const unsigned next = pci_reg::extended_next.get(header) & 0xffcu;
    int len = ecap < pci_ext_cap_length.size() ? pci_ext_cap_length[ecap] : 0;
    if (ecap == ecap_dvsec && !vdev.permissions.rules.has_dvsec) len = 0;
    if (len == variable) len = vfio_ext_cap_len(vdev, ecap, epos);
    const bool hidden = len == 0;
    if (hidden && prev != 0) {
      const auto at = static_cast<uint16_t>(prev);
      vconfig_set(vdev, at, 4, (vconfig_get(vdev, at, 4) & ~next_bits) | (next << 20));
      epos = next;
      continue;
    }
    // The first one has to stay; what it is, is not shown.
    claim(vdev, epos, hidden ? 4 : len, static_cast<uint8_t>(ecap), "ecap_");
    const auto at = static_cast<uint16_t>(epos);
    if (hidden) {
      vconfig_set(vdev, at, 4, vconfig_get(vdev, at, 4) & next_bits);
    } else {
      ++ecaps;
    }
    prev = epos;
    epos = next;
  }
  if (ecaps == 0) vconfig_set(vdev, pci_cfg_space_size, 4, 0);
}

}  // namespace

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_config_init()
int vfio_config_init(vfio_pci_function& vdev) {
  pci_dev& pdev = *vdev.pdev;
  slab_failures& slab = vdev.slab;
  if (!slab_token(slab) || !slab_token(slab)) return -ENOMEM;
  vdev.pci_config_map.assign(pdev.config->size(), pci_cap_id_invalid);
  vdev.vconfig.assign(pdev.config->size(), 0);
  std::fill_n(vdev.pci_config_map.begin(), pci_std_header_sizeof, pci_cap_id_basic);
  vfio_fill_vconfig_bytes(vdev, 0, pci_std_header_sizeof);
  vdev.bardirty = true;
  for (unsigned bar = 0; bar < pci_std_num_bars; ++bar) {
    vdev.rbar[bar] = config_dword(vdev, pci_reg::base_address_0 + 4 * bar);
  }
  vdev.rbar.back() = config_dword(vdev, pci_reg::rom_address);
  if (pdev.is_virtfn) {
    vconfig_set(vdev, pci_reg::vendor_id, 2, pdev.vendor);
    vconfig_set(vdev, pci_reg::device_id, 2, pdev.device_id);
    // The physical function's memory enable is theirs too.
    const uint32_t cmd = vconfig_get(vdev, pci_reg::command, 2);
    vconfig_set(vdev, pci_reg::command, 2, cmd | pci_reg::command_memory.mask());
  }
  if (pdev.is_virtfn || vdev.nointx) vdev.vconfig[pci_interrupt_pin] = 0;
  vfio_cap_init(vdev);
  vfio_ecap_init(vdev);
  return 0;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_config_free()
void vfio_config_free(vfio_pci_function& vdev) {
  vdev.vconfig.clear();
  vdev.pci_config_map.clear();
  vdev.msi_perm.reset();
}

}  // namespace iommulab
