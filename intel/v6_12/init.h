// SPDX-License-Identifier: GPL-2.0-only
//
// Start-up: from the parsed table to translation enabled; power-off; units that come and go.
#pragma once

#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

/// The initcall. 0, or a negative errno with everything that was built taken down again. Groups,
/// default domains and context entries of all devices are made within, before translation is on.
/// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_init()
int intel_iommu_init(intel_driver& drv);

/// Power-off and restart: protected regions and translation go off.
/// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_shutdown()
void intel_iommu_shutdown(intel_driver& drv);

/// Whether remapping is wanted, by option or by firmware.
/// Linux v6.12 drivers/iommu/intel/dmar.c: dmar_required()
bool dmar_required(intel_driver& drv);

/// alloc_iommu(): the widths of a unit, or that it is ignored.
void find_widths(intel_driver& drv, dmar_drhd_unit& drhd, intel_iommu& iommu);
/// alloc_iommu(): what only this generation has of a unit. 0 or a negative errno.
int unit_is_added(intel_driver& drv, dmar_drhd_unit& drhd, intel_iommu& iommu);
/// free_iommu(), its beginning.
void unit_is_freed(intel_driver& drv, intel_iommu& iommu);

/// A unit that was hot-added, or is to go.
/// Linux v6.12 drivers/iommu/intel/iommu.c: dmar_iommu_hotplug()
int dmar_iommu_hotplug(intel_driver& drv, dmar_drhd_unit& dmaru, bool insert);

}  // namespace iommulab::v6_12
