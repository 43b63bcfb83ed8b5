// SPDX-License-Identifier: GPL-2.0-only
//
// I/O address spaces as objects of a user: a table, and the hardware's page tables that show it.
// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: struct iommufd_ioas
#pragma once

#include <vector>

#include "vfio/v6_12/iommufd/io_pagetable.h"
#include "vfio/v6_12/iommufd/objects.h"

namespace iommulab::v6_12 {

struct iommufd_hwpt_paging;
struct iommufd_ucmd;

struct iommufd_ioas final : iommufd_object {
  explicit iommufd_ioas(iommufd_module& module)
      : iommufd_object(iommufd_object_type::ioas), iopt(module) {}
  void destroy() override;

  io_pagetable iopt;
  std::vector<iommufd_hwpt_paging*> hwpt_list;  ///< in order of joining
};

/// Held, until iommufd_put_object(). Null with `error` set.
iommufd_ioas* iommufd_get_ioas(iommufd_ctx& ictx, uint32_t id, int& error);
/// Null with `error` set.
iommufd_ioas* iommufd_ioas_alloc(iommufd_ctx& ictx, int& error);

// The user's requests: 0 or negative errnos.

int iommufd_ioas_alloc_ioctl(iommufd_ucmd& ucmd);
int iommufd_ioas_iova_ranges(iommufd_ucmd& ucmd);
int iommufd_ioas_allow_iovas(iommufd_ucmd& ucmd);
int iommufd_ioas_map(iommufd_ucmd& ucmd);
int iommufd_ioas_copy(iommufd_ucmd& ucmd);
int iommufd_ioas_unmap(iommufd_ucmd& ucmd);
/// IOMMU_OPTION
int iommufd_option(iommufd_ucmd& ucmd);
/// IOMMU_VFIO_IOAS: which one VFIO's requests are for.
int iommufd_vfio_ioas(iommufd_ucmd& ucmd);

}  // namespace iommulab::v6_12
