// SPDX-License-Identifier: GPL-2.0-only
//
// Devices: which unit is in charge, what it can do, and what it is attached to.
#pragma once

#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

// Linux v6.12 drivers/iommu/intel/iommu.c, by name.

/// The unit in charge of the device, with the requester id under which it knows it; null for none.
intel_iommu* device_lookup_iommu(intel_driver& drv, device& dev, source_id& id);
/// A device with ATS by its requester id, or null.
device* device_rbtree_find(intel_driver& drv, const intel_iommu& iommu, uint16_t rid);

/// Null with `error` set: -ENODEV when no unit is in charge.
iommu_device* intel_iommu_probe_device(intel_driver& drv, device& dev, int& error);
void intel_iommu_release_device(intel_driver& drv, device& dev);

/// What unit and function have together: ATS, PASIDs, page requests.
void find_features(intel_driver& drv, device_domain_info& info, pci_dev& pdev);
/// A device was probed: its part is the driver's from now on, until free_device_info().
void keep_device_info(intel_driver& drv, device_domain_info& info);
void free_device_info(intel_driver& drv, device& dev, device_domain_info& info);
/// The domain is on the device's unit from now on, and the device in its list. 0 or a negative
/// errno.
int join_domain(intel_driver& drv, dmar_domain& domain, device_domain_info& info);
/// The device is in its domain's list no longer, and the domain perhaps on the unit no longer.
void leave_domain(intel_driver& drv, device_domain_info& info);
/// The PASID's entry leads to the domain's first-level table. 0 or a negative errno.
int domain_setup_first_level(intel_driver& drv, dmar_domain& domain, device& dev, ioasid pasid);
/// The device's translation cache goes on, where there is one, and off.
void iommu_enable_pci_caps(intel_driver& drv, device_domain_info& info);
void iommu_disable_pci_caps(device_domain_info& info);
/// A unit with fewer levels than the domain's table: the top tables that it does not walk go.
void drop_top_tables(intel_driver& drv, dmar_domain& domain, const intel_iommu& iommu);

/// Requests of the device are blocked from now on: it leaves its domain.
void device_block_translation(intel_driver& drv, device& dev);
/// Fits the domain's table to the device's unit. 0, or -EINVAL when it cannot serve the domain.
int prepare_domain_attach_device(intel_driver& drv, dmar_domain& domain, device& dev);
/// dmar_domain_attach_device(): the device sees the domain; nothing is left of it when that fails.
int dmar_domain_attach_device(intel_driver& drv, dmar_domain& domain, device& dev);
int identity_domain_attach_dev(intel_driver& drv, device& dev);
int identity_domain_set_dev_pasid(intel_driver& drv, device& dev, ioasid pasid);
int intel_iommu_set_dev_pasid(intel_driver& drv, dmar_domain& domain, device& dev, ioasid pasid);
void intel_iommu_remove_dev_pasid(intel_driver& drv, device& dev, ioasid pasid,
                                  iommu_domain& domain);
/// For devices whose caches answer too early: the invalidation is sent once more.
void quirk_extra_dev_tlb_flush(intel_driver& drv, const device_domain_info& info, uint64_t address,
                               unsigned mask, uint32_t pasid, uint16_t qdep);
/// Whether the device lies behind the bridge.
bool is_downstream_to_pci_bridge(const device& dev, const device& bridge);

}  // namespace iommulab::v6_12
