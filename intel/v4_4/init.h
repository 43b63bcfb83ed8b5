// SPDX-License-Identifier: GPL-2.0-only
//
// Start-up: from the parsed table to translation enabled.
#pragma once

#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

/// The initcall. 0, or a negative errno with everything that was built taken down again.
/// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_init()
int intel_iommu_init(intel_driver& drv);

/// The root table in place, and nothing cached from before.
void give_root_table(intel_driver& drv, intel_iommu& iommu);

/// A unit that was hot-added. Linux v4.4 drivers/iommu/intel-iommu.c: dmar_iommu_hotplug()
int dmar_iommu_hotplug(intel_driver& drv, dmar_drhd_unit& dmaru, bool insert);

}  // namespace iommulab::v4_4
