// SPDX-License-Identifier: GPL-2.0-only
//
// Which bytes of configuration space are a user's, and how: Linux v6.12
// drivers/vfio/pci/vfio_pci_config.c: struct perm_bits.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace iommulab {

struct vfio_pci_function;
struct perm_bits;

/// A piece of 1, 2 or 4 bytes at `pos`, `offset` bytes into its capability.
struct config_piece {
  uint16_t pos = 0;
  uint16_t offset = 0;
  unsigned count = 0;
};
/// Bytes done, or a negative errno.
using config_readfn = int (*)(vfio_pci_function& vdev, const config_piece& at,
                              const perm_bits& perm, uint32_t& val);
using config_writefn = int (*)(vfio_pci_function& vdev, const config_piece& at,
                               const perm_bits& perm, uint32_t val);

struct perm_bits {
  std::vector<uint8_t> virt;   ///< bits that are kept apart from the function's
  std::vector<uint8_t> write;  ///< bits that can be written
  config_readfn readfn = nullptr;
  config_writefn writefn = nullptr;  ///< null: writes are dropped

  /// Bits of `bytes` bytes from `offset` on.
  void set(uint16_t offset, unsigned bytes, uint32_t virt_bits, uint32_t write_bits);
};

inline constexpr unsigned vfio_pci_cap_ids = 0x15;   ///< PCI_CAP_ID_MAX and all before
inline constexpr unsigned vfio_pci_ecap_ids = 0x2f;  ///< PCI_EXT_CAP_ID_MAX and all before

/// Where kernels differ.
struct vfio_pci_rules {
  bool has_dvsec = true;                 ///< designated vendor-specific capabilities are shown
  bool has_virtual_pme = true;           ///< power management events are no user's
  bool has_virtual_flr = true;           ///< a reset that the user writes is done by the kernel
  bool has_second_link = true;           ///< PCI Express' second link registers are shown
  bool restores_changed_bars = true;     ///< not only those that a command register tells of
  bool registers_follow_command = true;  ///< no access while the user has memory switched off
  unsigned widest_access = 8;            ///< to registers, bytes
};

/// By capability id; id 0 of the first is the header.
struct vfio_pci_permissions {
  vfio_pci_rules rules;
  std::array<perm_bits, vfio_pci_cap_ids> cap;
  std::array<perm_bits, vfio_pci_ecap_ids> ecap;
};

/// vfio_pci_init_perm_bits()
vfio_pci_permissions vfio_pci_init_perm_bits(const vfio_pci_rules& rules = {});
/// Of an MSI capability of `len` bytes with these flags.
perm_bits init_pci_cap_msi_perm(unsigned len, uint16_t flags);

}  // namespace iommulab
