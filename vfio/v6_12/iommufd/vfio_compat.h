// SPDX-License-Identifier: GPL-2.0-only
//
// VFIO's requests to a container, answered by an iommufd: they are for the one IOAS that
// IOMMU_VFIO_IOAS names. Linux v6.12 drivers/iommu/iommufd/vfio_compat.c
#pragma once

#include <cstdint>

#include "vfio/v6_12/iommufd/objects.h"

namespace iommulab::v6_12 {

/// What the request returns, or -515 (ENOIOCTLCMD) when it is none of VFIO's.
int64_t iommufd_vfio_ioctl(iommufd_ctx& ictx, task_struct& current, uint32_t cmd, uint64_t arg);

}  // namespace iommulab::v6_12
