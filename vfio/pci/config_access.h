// SPDX-License-Identifier: GPL-2.0-only
//
// Reads and writes of configuration space by the rules of its capabilities.
// Linux v6.12 drivers/vfio/pci/vfio_pci_config.c
#pragma once

#include "vfio/pci/function.h"

namespace iommulab {

// What a byte of pci_config_map is that belongs to no capability
inline constexpr uint8_t pci_cap_id_invalid = 0xff;
inline constexpr uint8_t pci_cap_id_basic = 0;
inline constexpr uint16_t pci_std_header_sizeof = 64;
inline constexpr uint16_t pci_cfg_space_size = 256;
inline constexpr uint16_t pci_cap_list_next = 1;

uint32_t vconfig_get(const vfio_pci_function& vdev, uint16_t pos, unsigned count);
void vconfig_set(vfio_pci_function& vdev, uint16_t pos, unsigned count, uint32_t val);
/// The function's own bytes.
uint32_t vfio_user_config_read(const vfio_pci_function& vdev, uint16_t pos, unsigned count);
void vfio_user_config_write(vfio_pci_function& vdev, uint16_t pos, unsigned count, uint32_t val);

int vfio_default_config_read(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                             uint32_t& val);
int vfio_default_config_write(vfio_pci_function& vdev, const config_piece& at,
                              const perm_bits& perm, uint32_t val);
int vfio_direct_config_read(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                            uint32_t& val);
int vfio_raw_config_read(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                         uint32_t& val);
int vfio_raw_config_write(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                          uint32_t val);
int vfio_basic_config_read(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                           uint32_t& val);
int vfio_basic_config_write(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                            uint32_t val);
int vfio_exp_config_write(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                          uint32_t val);
int vfio_af_config_write(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                         uint32_t val);
int vfio_vpd_config_write(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                          uint32_t val);
int vfio_msi_config_read(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                         uint32_t& val);
int vfio_msi_config_write(vfio_pci_function& vdev, const config_piece& at, const perm_bits& perm,
                          uint32_t val);

/// Where the capability begins that `pos` belongs to.
uint16_t vfio_find_cap_start(const vfio_pci_function& vdev, uint16_t pos);
/// The command register that the user sees lets memory accesses through.
bool vfio_pci_memory_enabled(const vfio_pci_function& vdev);

/// What the user sees of a device that is opened. 0 or a negative errno.
int vfio_config_init(vfio_pci_function& vdev);
void vfio_config_free(vfio_pci_function& vdev);
/// Bytes moved between the user's memory and configuration space, or a negative errno.
int64_t vfio_pci_config_rw(vfio_pci_function& vdev, task_struct& current, uint64_t buf,
                           uint64_t count, uint64_t position, bool iswrite);

}  // namespace iommulab
