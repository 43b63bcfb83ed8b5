// SPDX-License-Identifier: GPL-2.0-only
//
// A unit in sysfs: class/iommu/dmar0 with the attributes in intel-iommu/.
#pragma once

#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

/// 0, or -EEXIST.
int add_unit_to_sysfs(intel_driver& drv, intel_iommu& iommu);

}  // namespace iommulab::v6_12
