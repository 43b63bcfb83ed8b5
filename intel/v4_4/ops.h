// SPDX-License-Identifier: GPL-2.0-only
//
// What the driver offers to the IOMMU core.
#pragma once

#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

/// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_ops
iommu_ops make_intel_iommu_ops(intel_driver& drv);

}  // namespace iommulab::v4_4
