// SPDX-License-Identifier: GPL-2.0-only
//
// The hardware's page tables as objects of a user: domains that show an I/O address space, and
// domains of the user's own nested in one.
// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: struct iommufd_hw_pagetable
#pragma once

#include "core/iommu/v6_12/iommu.h"
#include "vfio/v6_12/iommufd/ioas.h"
#include "vfio/v6_12/iommufd/objects.h"

namespace iommulab::v6_12 {

struct iommufd_fault;

struct iommufd_hw_pagetable : iommufd_object {
  using iommufd_object::iommufd_object;
  iommu_domain* domain = nullptr;
  iommufd_fault* fault = nullptr;
};

struct iommufd_hwpt_paging final : iommufd_hw_pagetable {
  iommufd_hwpt_paging() : iommufd_hw_pagetable(iommufd_object_type::hwpt_paging) {}
  void destroy() override;
  void abort() override;

  iommufd_ioas* ioas = nullptr;
  bool auto_domain = false;  ///< goes with its last device
  bool enforce_cache_coherency = false;
  bool msi_cookie = false;
  bool nest_parent = false;
  bool in_hwpt_list = false;  ///< of the ioas
};

struct iommufd_hwpt_nested final : iommufd_hw_pagetable {
  iommufd_hwpt_nested() : iommufd_hw_pagetable(iommufd_object_type::hwpt_nested) {}
  void destroy() override;
  void abort() override;

  iommufd_hwpt_paging* parent = nullptr;
};

/// The one that shows an I/O address space: itself, or what it is nested in; null for neither.
iommufd_hwpt_paging* find_hwpt_paging(tracer& trace, iommufd_hw_pagetable& hwpt);
/// A domain for the device that shows all of the IOAS. Null with `error` set.
iommufd_hwpt_paging* iommufd_hwpt_paging_alloc(iommufd_ctx& ictx, iommufd_ioas& ioas,
                                               iommufd_device& idev, ioasid pasid, uint32_t flags,
                                               bool immediate_attach,
                                               const iommu_user_data* user_data, int& error);
void iommufd_hw_pagetable_put(iommufd_ctx& ictx, iommufd_hw_pagetable& hwpt);

// The user's requests: 0 or negative errnos.

int iommufd_hwpt_alloc(iommufd_ucmd& ucmd);
int iommufd_hwpt_set_dirty_tracking(iommufd_ucmd& ucmd);
int iommufd_hwpt_get_dirty_bitmap(iommufd_ucmd& ucmd);
int iommufd_hwpt_invalidate(iommufd_ucmd& ucmd);

}  // namespace iommulab::v6_12
