// SPDX-License-Identifier: GPL-2.0-only
//
// Devices that somebody bound to an iommufd, and the groups that they are in: all devices of a
// group share one page table.
// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: struct iommufd_device, struct iommufd_group
//
// Invariant: a group has a page table exactly while devices of it are attached, and each of them
// holds it.
#pragma once

#include <limits>
#include <vector>

#include "vfio/v6_12/iommufd/hw_pagetable.h"
#include "vfio/v6_12/iommufd/objects.h"

namespace iommulab::v6_12 {

inline constexpr phys_addr phys_addr_max{UINT64_MAX};  ///< PHYS_ADDR_MAX

struct iommufd_group {
  unsigned ref = 1;
  iommufd_ctx* ictx = nullptr;
  iommu_group* group = nullptr;
  iommufd_hw_pagetable* hwpt = nullptr;
  std::vector<iommufd_device*> device_list;  ///< attached ones
  phys_addr sw_msi_start = phys_addr_max;
};

struct iommufd_device final : iommufd_object {
  iommufd_device() : iommufd_object(iommufd_object_type::device) {}
  void destroy() override;

  iommufd_ctx* ictx = nullptr;
  iommufd_group* igroup = nullptr;
  device* dev = nullptr;
  bool enforce_cache_coherency = false;
  unsigned iopf_enabled = 0;
};

/// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: struct iommufd_attach_handle
struct iommufd_attach_handle : iommu_attach_handle {
  iommufd_device* idev = nullptr;
};

/// Held, until iommufd_put_object(). Null with `error` set.
iommufd_device* iommufd_get_device(iommufd_ctx& ictx, uint32_t id, int& error);

/// The group goes to the page table with its first device; each brings its reserved regions.
int iommufd_hw_pagetable_attach(iommufd_hw_pagetable& hwpt, iommufd_device& idev, ioasid pasid);
/// The page table that the caller has to let go.
iommufd_hw_pagetable& iommufd_hw_pagetable_detach(iommufd_device& idev, ioasid pasid);

/// IOMMU_GET_HW_INFO
int iommufd_get_hw_info(iommufd_ucmd& ucmd);

/// A device of the kernel's own tests: no real one is.
bool iommufd_selftest_is_mock_dev(const device& dev);

}  // namespace iommulab::v6_12
