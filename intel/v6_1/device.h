// SPDX-License-Identifier: GPL-2.0-only
//
// Devices of 6.1: which unit is in charge, joining a domain and leaving it.
#pragma once

#include "intel/v6_12/driver.h"

namespace iommulab::v6_1 {

// Linux v6.1 drivers/iommu/intel, by name.

/// The unit in charge of the device, with the requester id under which it knows it; null for none.
intel_iommu* device_to_iommu(v6_12::intel_driver& drv, device& dev, source_id& id);
/// The device's PASID directory, or null.
v6_12::pasid_table* intel_pasid_get_table(v6_12::intel_driver& drv, const device& dev);

/// Null with `error` set: -ENODEV when no unit is in charge.
v6_12::iommu_device* intel_iommu_probe_device(v6_12::intel_driver& drv, device& dev, int& error);
void intel_iommu_release_device(v6_12::intel_driver& drv, device& dev);

/// The device joins the domain. 0; -EPERM when its reserved region keeps it out of a user's domain,
/// -ENODEV without a unit, -EOPNOTSUPP or -EFAULT when the unit cannot serve the domain.
int intel_iommu_attach_device(v6_12::intel_driver& drv, v6_12::dmar_domain& domain, device& dev);
/// Requests of the device are blocked from now on: it leaves its domain.
void device_block_translation(v6_12::intel_driver& drv, device& dev);
/// dmar_remove_one_dev_info(): the same, for good.
void dmar_remove_one_dev_info(v6_12::intel_driver& drv, device& dev);

}  // namespace iommulab::v6_1
