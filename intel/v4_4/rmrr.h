// SPDX-License-Identifier: GPL-2.0-only
//
// Reserved memory regions and root ports with ATS: parsing their structures, keeping their device
// lists, and the questions asked of them.
#pragma once

#include "intel/dmar/scope.h"
#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

// Linux v4.4 drivers/iommu/intel-iommu.c, by name.
int dmar_parse_one_rmrr(intel_driver& drv, const remapping_structure& header);
int dmar_parse_one_atsr(intel_driver& drv, const remapping_structure& header);
int dmar_release_one_atsr(intel_driver& drv, const remapping_structure& header);
/// -EBUSY while a device of the ATSR is present.
int dmar_check_one_atsr(intel_driver& drv, const remapping_structure& header);
/// A device came or went: the RMRRs and ATSRs that name it are told.
int dmar_iommu_notify_scope_dev(intel_driver& drv, const dmar_pci_notify_info& info);
/// Whether the root port above the device may use ATS.
bool dmar_find_matched_atsr_unit(intel_driver& drv, pci_dev& dev);
bool device_has_rmrr(intel_driver& drv, const device& dev);
/// A device whose region keeps it out of pass-through and of the IOMMU API: has an RMRR and is
/// neither USB nor graphics.
bool device_is_rmrr_locked(intel_driver& drv, const device& dev);
/// Frees every RMRR and ATSR.
void intel_iommu_free_dmars(intel_driver& drv);

}  // namespace iommulab::v4_4
