// SPDX-License-Identifier: GPL-2.0-only
//
// How the modules that let a process in were built and loaded.
#pragma once

#include <cstdint>

namespace iommulab {

struct vfio_module_options {
  /// Of vfio_iommu_type1 and of iommufd: devices whose interrupts are not isolated may be used.
  bool allow_unsafe_interrupts = false;
  /// Who serves /dev/vfio/vfio: iommufd (CONFIG_IOMMUFD_VFIO_CONTAINER) or VFIO itself
  /// (CONFIG_VFIO_CONTAINER).
  bool container_is_iommufd = false;
  /// Of vfio_iommu_type1: mappings that a container may have.
  unsigned dma_entry_limit = UINT16_MAX;
  /// Of vfio_iommu_type1: pages are pinned and mapped one by one.
  bool disable_hugepages = false;
  /// CONFIG_IOMMUFD_TEST: iommufd has mock devices, takes its tests' request, and looks after
  /// itself.
  bool iommufd_test = false;
};

}  // namespace iommulab
