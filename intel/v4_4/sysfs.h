// SPDX-License-Identifier: GPL-2.0-only
//
// A unit's attributes in /sys/class/iommu/dmarN/intel-iommu.
#pragma once

#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

/// Makes the unit's class device with version, address, cap, ecap, domains_supported and
/// domains_used. Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_groups
void intel_iommu_create_sysfs(intel_driver& drv, intel_iommu& iommu);

}  // namespace iommulab::v4_4
