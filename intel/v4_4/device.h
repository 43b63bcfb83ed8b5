// SPDX-License-Identifier: GPL-2.0-only
//
// Devices in domains: which unit a device is behind, which domain it has, joining and leaving.
#pragma once

#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

// Linux v4.4 drivers/iommu/intel-iommu.c, by name.

/// The unit that translates for `dev` and the requester id it uses there; null when there is none.
intel_iommu* device_to_iommu(intel_driver& drv, device& dev, source_id& id);
/// iommu_dummy(): the driver leaves this device alone.
bool iommu_dummy(intel_driver& drv, const device& dev);
dmar_domain* find_domain(intel_driver& drv, const device& dev);
/// The device's domain; made if it has none. Null on failure.
dmar_domain* get_domain_for_dev(intel_driver& drv, device& dev, int gaw);
/// Puts (bus, devfn) into `domain`, or finds the domain it is in already; null on failure.
dmar_domain* dmar_insert_one_dev_info(intel_driver& drv, intel_iommu& iommu, uint8_t bus,
                                      uint8_t devfn, device* dev, dmar_domain* domain);
int domain_add_dev_info(intel_driver& drv, dmar_domain& domain, device& dev);
void dmar_remove_one_dev_info(intel_driver& drv, device& dev);
/// __dmar_remove_one_dev_info(): the member leaves its domain, and is freed. Null warns.
void dmar_remove_one_dev_info_locked(intel_driver& drv, device_domain_info* membership)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(drv.device_domain_lock);
/// Removes every device from the domain.
void domain_remove_dev_info(intel_driver& drv, dmar_domain& domain);

/// The device's membership when it can use ATS through this unit; null otherwise.
device_domain_info* iommu_support_dev_iotlb(intel_driver& drv, dmar_domain& domain,
                                            intel_iommu& iommu, uint8_t bus, uint8_t devfn)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(drv.device_domain_lock);
void iommu_enable_dev_iotlb(intel_driver& drv, device_domain_info* info);

}  // namespace iommulab::v4_4
