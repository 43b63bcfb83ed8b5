// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/pci/config_access.h"

#include <algorithm>
#include <cstring>

#include "core/dev_printk.h"
#include "core/pci/registers.h"
#include "vfio/pci/intx.h"
#include "vfio/process/uaccess.h"

namespace iommulab {
namespace {

uint32_t bytes_at(const std::vector<uint8_t>& bytes, uint16_t pos, unsigned count) {
  uint32_t value = 0;
  for (unsigned i = 0; i < count; ++i) value |= uint32_t{bytes[pos + i]} << (8 * i);
  return value;
}

constexpr uint32_t all_ones(unsigned count) {
  return UINT32_MAX >> (32 - 8 * count);
}

bool is_bar(uint16_t offset) {
  const bool is_base = offset >= pci_reg::base_address_0 && offset < pci_reg::base_address_0 + 24;
  return is_base || (offset >= pci_reg::rom_address && offset < pci_reg::rom_address + 4);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_generate_bar_flags()
uint32_t vfio_generate_bar_flags(const pci_dev& pdev, unsigned bar) {
  const uint64_t flags = pdev.resource[bar].flags;
  if ((flags & ioresource_io) != 0) return pci_reg::base_is_io.mask();
  uint32_t val = 0;
  if ((flags & ioresource_prefetch) != 0) val |= pci_reg::base_prefetchable.mask();
  if ((flags & ioresource_mem_64) != 0) val |= pci_reg::base_type.make(pci_reg::base_type_64);
  return val;
}

/// A base address that the user wrote becomes what a register of its size would hold.
/// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_bar_fixup()
void vfio_bar_fixup(vfio_pci_function& vdev) {
  if (!vdev.bardirty) return;
  const pci_dev& pdev = *vdev.pdev;
  for (unsigned bar = 0; bar < pci_std_num_bars; ++bar) {
    const auto pos = static_cast<uint16_t>(pci_reg::base_address_0 + 4 * bar);
    if (pdev.resource[bar].start == 0) {
      vconfig_set(vdev, pos, 4, 0);
      continue;
    }
    const uint64_t mask = ~(pci_resource_len(pdev, bar) - 1);
    const uint32_t low = (vconfig_get(vdev, pos, 4) & static_cast<uint32_t>(mask)) |
                         vfio_generate_bar_flags(pdev, bar);
    vconfig_set(vdev, pos, 4, low);
    if (pci_reg::base_type.get(low) != pci_reg::base_type_64 || pci_reg::base_is_io.test(low)) {
      continue;
    }
    const auto high = static_cast<uint16_t>(pos + 4);
    vconfig_set(vdev, high, 4, vconfig_get(vdev, high, 4) & static_cast<uint32_t>(mask >> 32));
    ++bar;
  }
  uint32_t rom = 0;
  if (pdev.resource[pci_rom_resource].start != 0) {
    const auto mask = static_cast<uint32_t>(~(pci_resource_len(pdev, pci_rom_resource) - 1));
    rom = vconfig_get(vdev, pci_reg::rom_address, 4) & (mask | pci_reg::rom_enable.mask());
  }
  vconfig_set(vdev, pci_reg::rom_address, 4, rom);
  vdev.bardirty = false;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_need_bar_restore()
bool vfio_need_bar_restore(const vfio_pci_function& vdev) {
  for (unsigned bar = 0; bar < pci_std_num_bars; ++bar) {
    const auto pos = static_cast<uint16_t>(pci_reg::base_address_0 + 4 * bar);
    if (vdev.rbar[bar] != 0 && vdev.pdev->config->read32(pos) != vdev.rbar[bar]) return true;
  }
  return false;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_bar_restore()
void vfio_bar_restore(vfio_pci_function& vdev) {
  pci_dev& pdev = *vdev.pdev;
  if (pdev.is_virtfn) return;
  dev_printk(pdev.dev, log_level::info, "vfio_bar_restore: reset recovery - restoring BARs");
  for (unsigned bar = 0; bar < pci_std_num_bars; ++bar) {
    pdev.config->write32(static_cast<uint16_t>(pci_reg::base_address_0 + 4 * bar), vdev.rbar[bar]);
  }
  pdev.config->write32(pci_reg::rom_address, vdev.rbar.back());
  if (vdev.nointx) pci_intx(pdev, false);
}

/// The device lost what it decodes, as a reset behind the driver's back does.
bool has_lost_bars(const vfio_pci_function& vdev, uint16_t new_cmd) {
  const uint16_t phys = vdev.pdev->config->read16(pci_reg::command);
  const auto virt = static_cast<uint16_t>(vconfig_get(vdev, pci_reg::command, 2));
  const auto lost = [&](field16 bit) {
    return bit.test(new_cmd) && bit.test(virt) && !bit.test(phys);
  };
  return lost(pci_reg::command_memory) || lost(pci_reg::command_io) ||
         (vdev.permissions.rules.restores_changed_bars && vfio_need_bar_restore(vdev));
}

void follow_intx_disable(vfio_pci_function& vdev) {
  const auto cmd = static_cast<uint16_t>(vconfig_get(vdev, pci_reg::command, 2));
  const bool disable = pci_reg::command_interrupt_disable.test(cmd);
  if (disable && !vdev.virq_disabled) {
    vdev.virq_disabled = true;
    vfio_pci_intx_mask(vdev);
  } else if (!disable && vdev.virq_disabled) {
    vdev.virq_disabled = false;
    vfio_pci_intx_unmask(vdev);
  }
}

}  // namespace

uint32_t vconfig_get(const vfio_pci_function& vdev, uint16_t pos, unsigned count) {
  return bytes_at(vdev.vconfig, pos, count);
}

void vconfig_set(vfio_pci_function& vdev, uint16_t pos, unsigned count, uint32_t val) {
  for (unsigned i = 0; i < count; ++i) vdev.vconfig[pos + i] = static_cast<uint8_t>(val >> (8 * i));
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_user_config_read()
uint32_t vfio_user_config_read(const vfio_pci_function& vdev, uint16_t pos, unsigned count) {
  const pci_config_space& config = *vdev.pdev->config;
  if (count == 1) return config.read8(pos);
  return count == 2 ? config.read16(pos) : config.read32(pos);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_user_config_write()
void vfio_user_config_write(vfio_pci_function& vdev, uint16_t pos, unsigned count, uint32_t val) {
  pci_config_space& config = *vdev.pdev->config;
  if (count == 1) {
    config.write8(pos, static_cast<uint8_t>(val));
  } else if (count == 2) {
    config.write16(pos, static_cast<uint16_t>(val));
  } else {
    config.write32(pos, val);
  }
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_default_config_read()
int vfio_default_config_read(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                             uint32_t& val) {
  val = vconfig_get(vdev, at.pos, at.count);
  const uint32_t virt = bytes_at(perm.virt, at.offset, at.count);
  if (virt != all_ones(at.count)) {
    val = (vfio_user_config_read(vdev, at.pos, at.count) & ~virt) | (val & virt);
  }
  return static_cast<int>(at.count);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_default_config_write()
int vfio_default_config_write(vfio_pci_function& vdev, const config_piece& at,
                              const perm_bits& perm, uint32_t val) {
  const uint32_t write = bytes_at(perm.write, at.offset, at.count);
  const uint32_t virt = bytes_at(perm.virt, at.offset, at.count);
  if ((write & virt) != 0) {
    const uint32_t old = vconfig_get(vdev, at.pos, at.count);
    vconfig_set(vdev, at.pos, at.count, (old & ~(write & virt)) | (val & write & virt));
  }
  if ((write & ~virt) != 0) {
    const uint32_t old = vfio_user_config_read(vdev, at.pos, at.count);
    vfio_user_config_write(vdev, at.pos, at.count,
                           (old & ~(write & ~virt)) | (val & write & ~virt));
  }
  return static_cast<int>(at.count);
}

/// The function's bytes, but for where the next capability is.
/// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_direct_config_read()
int vfio_direct_config_read(vfio_pci_function& vdev, const config_piece& at,
                            const perm_bits& /*perm*/, uint32_t& val) {
  val = vfio_user_config_read(vdev, at.pos, at.count);
  if (at.pos >= pci_cfg_space_size) {
    if (at.offset < 4) val = vconfig_get(vdev, at.pos, at.count);
  } else if (at.pos >= pci_std_header_sizeof) {
    if (at.offset == 0 && at.count > 1) {
      val = (val & ~all_ones(2)) | vconfig_get(vdev, at.pos, 2);
    } else if (at.offset == pci_cap_list_next) {
      val = (val & ~all_ones(1)) | vconfig_get(vdev, at.pos, 1);
    }
  }
  return static_cast<int>(at.count);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_raw_config_read()
int vfio_raw_config_read(vfio_pci_function& vdev, const config_piece& at, const perm_bits& /*perm*/,
                         uint32_t& val) {
  val = vfio_user_config_read(vdev, at.pos, at.count);
  return static_cast<int>(at.count);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_raw_config_write()
int vfio_raw_config_write(vfio_pci_function& vdev, const config_piece& at,
                          const perm_bits& /*perm*/, uint32_t val) {
  vfio_user_config_write(vdev, at.pos, at.count, val);
  return static_cast<int>(at.count);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_basic_config_read()
int vfio_basic_config_read(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                           uint32_t& val) {
  if (is_bar(at.offset)) vfio_bar_fixup(vdev);
  const int count = vfio_default_config_read(vdev, at, perm, val);
  if (at.offset == pci_reg::command && vdev.pdev->is_virtfn) {
    val |= vconfig_get(vdev, pci_reg::command, 2) & pci_reg::command_memory.mask();
  }
  return count;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_basic_config_write()
int vfio_basic_config_write(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                            uint32_t val) {
  const auto new_cmd = static_cast<uint16_t>(val);
  const bool is_command = at.offset == pci_reg::command;
  if (is_command && has_lost_bars(vdev, new_cmd)) vfio_bar_restore(vdev);
  const int count = vfio_default_config_write(vdev, at, perm, val);
  if (is_command) {
    constexpr uint16_t mask = mask_of(pci_reg::command_memory, pci_reg::command_io);
    const uint32_t old = vconfig_get(vdev, pci_reg::command, 2);
    vconfig_set(vdev, pci_reg::command, 2, (old & ~uint32_t{mask}) | (new_cmd & mask));
  }
  if (is_command || at.offset == pci_reg::command + 1) follow_intx_disable(vdev);
  if (is_bar(at.offset)) vdev.bardirty = true;
  return count;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_exp_config_write()
int vfio_exp_config_write(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                          uint32_t val) {
  const int count = vfio_default_config_write(vdev, at, perm, val);
  const auto start = static_cast<uint16_t>(at.pos - at.offset);
  const auto ctrl_at = static_cast<uint16_t>(start + pci_exp_devctl);
  const uint32_t ctrl = vconfig_get(vdev, ctrl_at, 2);
  if ((ctrl & pci_exp_devctl_bcr_flr) == 0) return count;
  vconfig_set(vdev, ctrl_at, 2, ctrl & ~uint32_t{pci_exp_devctl_bcr_flr});
  const uint32_t cap =
      vfio_user_config_read(vdev, static_cast<uint16_t>(start + pci_exp_devcap), 4);
  if ((cap & pci_exp_devcap_flr) != 0) pci_try_reset_function(*vdev.pdev);
  return count;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_af_config_write()
int vfio_af_config_write(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                         uint32_t val) {
  constexpr uint16_t af_ctrl = 4;
  constexpr uint32_t af_ctrl_flr = 1;
  const int count = vfio_default_config_write(vdev, at, perm, val);
  const auto start = static_cast<uint16_t>(at.pos - at.offset);
  const auto ctrl_at = static_cast<uint16_t>(start + af_ctrl);
  const uint32_t ctrl = vconfig_get(vdev, ctrl_at, 1);
  if ((ctrl & af_ctrl_flr) == 0) return count;
  vconfig_set(vdev, ctrl_at, 1, ctrl & ~af_ctrl_flr);
  const uint32_t cap = vfio_user_config_read(vdev, static_cast<uint16_t>(start + pci_af_cap), 1);
  if ((cap & pci_af_cap_flr) != 0 && (cap & pci_af_cap_tp) != 0) pci_try_reset_function(*vdev.pdev);
  return count;
}

/// No function here has vital product data behind its registers: no access ends.
/// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_vpd_config_write()
int vfio_vpd_config_write(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                          uint32_t val) {
  return vfio_default_config_write(vdev, at, perm, val);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_msi_config_read()
int vfio_msi_config_read(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                         uint32_t& val) {
  if (at.offset <= pci_msi_flags && at.offset + at.count >= pci_msi_flags) {
    const uint16_t start = vfio_find_cap_start(vdev, at.pos);
    const uint32_t flags = vconfig_get(vdev, start, 2) & ~uint32_t{pci_msi_flags_qmask};
    vconfig_set(vdev, start, 2, flags | (uint32_t{vdev.msi_qmax} << 1));
  }
  return vfio_default_config_read(vdev, at, perm, val);
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_msi_config_write()
int vfio_msi_config_write(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                          uint32_t val) {
  const int count = vfio_default_config_write(vdev, at, perm, val);
  if (at.offset > pci_msi_flags || at.offset + at.count < pci_msi_flags) return count;
  const auto flags_at = static_cast<uint16_t>(vfio_find_cap_start(vdev, at.pos) + pci_msi_flags);
  uint32_t flags = vconfig_get(vdev, flags_at, 2);
  // Nobody would take the interrupts.
  if (vdev.irq_type != uapi::vfio_pci_msi_irq_index) flags &= ~uint32_t{pci_msi_flags_enable};
  if ((flags & pci_msi_flags_qsize) >> 4 > vdev.msi_qmax) {
    flags = (flags & ~uint32_t{pci_msi_flags_qsize}) | (uint32_t{vdev.msi_qmax} << 4);
  }
  vconfig_set(vdev, flags_at, 2, flags);
  vfio_user_config_write(vdev, flags_at, 2, flags);
  return count;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_find_cap_start()
uint16_t vfio_find_cap_start(const vfio_pci_function& vdev, uint16_t pos) {
  const uint16_t base = pos >= pci_cfg_space_size ? pci_cfg_space_size : pci_std_header_sizeof;
  const uint8_t cap = vdev.pci_config_map[pos];
  if (cap == pci_cap_id_basic) return 0;
  while (pos > base && vdev.pci_config_map[pos - 1u] == cap) --pos;
  return pos;
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: __vfio_pci_memory_enabled()
bool vfio_pci_memory_enabled(const vfio_pci_function& vdev) {
  return pci_reg::command_memory.test(
      static_cast<uint16_t>(vconfig_get(vdev, pci_reg::command, 2)));
}

namespace {

const perm_bits unassigned_perms = {{}, {}, vfio_raw_config_read, vfio_raw_config_write};
const perm_bits direct_ro_perms = {{}, {}, vfio_direct_config_read, nullptr};

/// Bytes from `pos` to the next multiple of four that are of the same capability.
unsigned remaining_in_dword(const vfio_pci_function& vdev, uint16_t pos) {
  unsigned i = 1;
  while ((pos + i) % 4 != 0 && vdev.pci_config_map[pos + i] == vdev.pci_config_map[pos]) ++i;
  return i;
}

const perm_bits& perm_at(const vfio_pci_function& vdev, uint16_t pos, uint16_t& cap_start) {
  const uint8_t cap_id = vdev.pci_config_map[pos];
  cap_start = pos;
  if (cap_id == pci_cap_id_invalid) return unassigned_perms;
  const vfio_pci_permissions& all = vdev.permissions;
  if (pos >= pci_cfg_space_size) {
    cap_start = vfio_find_cap_start(vdev, pos);
    return cap_id < all.ecap.size() ? all.ecap[cap_id] : direct_ro_perms;
  }
  cap_start = cap_id == pci_cap_id_basic ? uint16_t{0} : vfio_find_cap_start(vdev, pos);
  return cap_id == pci_cap_id_msi ? *vdev.msi_perm : all.cap[cap_id];
}

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_config_do_rw()
int64_t vfio_config_do_rw(vfio_pci_function& vdev, task_struct& current, uint64_t buf,
                          uint64_t count, uint64_t position, bool iswrite) {
  const uint64_t size = vdev.pdev->config->size();
  if (position >= size || count > size - position) return -EFAULT;
  const auto pos = static_cast<uint16_t>(position);
  count = std::min<uint64_t>(count, remaining_in_dword(vdev, pos));
  const unsigned piece = count >= 4 && pos % 4 == 0 ? 4 : (count >= 2 && pos % 2 == 0 ? 2 : 1);
  uint16_t cap_start = 0;
  const perm_bits& perm = perm_at(vdev, pos, cap_start);
  const config_piece at{pos, static_cast<uint16_t>(pos - cap_start), piece};
  uint32_t val = 0;
  if (iswrite) {
    if (perm.writefn == nullptr) return piece;
    if (copy_from_user(current, val, buf, piece) != 0) return -EFAULT;
    return perm.writefn(vdev, at, perm, val);
  }
  const int ret = perm.readfn(vdev, at, perm, val);
  if (ret < 0) return ret;
  return copy_to_user(current, buf, val, piece) == 0 ? ret : -EFAULT;
}

}  // namespace

// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c: vfio_pci_config_rw()
int64_t vfio_pci_config_rw(vfio_pci_function& vdev, task_struct& current, uint64_t buf,
                           uint64_t count, uint64_t position, bool iswrite) {
  uint64_t pos = position & vfio_pci_offset_mask;
  uint64_t done = 0;
  while (done < count) {
    const int64_t ret = vfio_config_do_rw(vdev, current, buf + done, count - done, pos, iswrite);
    if (ret < 0) return ret;
    done += static_cast<uint64_t>(ret);
    pos += static_cast<uint64_t>(ret);
  }
  return static_cast<int64_t>(done);
}

}  // namespace iommulab
