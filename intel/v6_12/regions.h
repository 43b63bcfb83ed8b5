// SPDX-License-Identifier: GPL-2.0-only
//
// What the table says of devices beyond their units: reserved memory (RMRR), root ports and
// integrated devices with address translation (ATSR, SATC).
#pragma once

#include <vector>

#include "intel/dmar/scope.h"
#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

// Linux v6.12 drivers/iommu/intel/iommu.c, by name. Parsers return 0 or -ENOMEM.
int dmar_parse_one_rmrr(intel_driver& drv, const remapping_structure& header);
int dmar_parse_one_atsr(intel_driver& drv, const remapping_structure& header);
int dmar_release_one_atsr(intel_driver& drv, const remapping_structure& header);
/// -EBUSY while a root port of it is there.
int dmar_check_one_atsr(intel_driver& drv, const remapping_structure& header);
int dmar_parse_one_satc(intel_driver& drv, const remapping_structure& header);
int dmar_iommu_notify_scope_dev(intel_driver& drv, const dmar_pci_notify_info& info);
/// Whether the way from the device to the unit lets ATS through, and the driver may switch it on.
bool dmar_ats_supported(intel_driver& drv, pci_dev& dev, const intel_iommu& iommu);
/// Regions of the device: its RMRRs, the low 16 MiB below an ISA bridge, and interrupt messages.
void intel_iommu_get_resv_regions(intel_driver& drv, device& dev,
                                  std::vector<iommu_resv_region>& regions);
void intel_iommu_free_dmars(intel_driver& drv);
/// Whether the device could do without its reserved region once the system runs.
bool device_rmrr_is_relaxable(const device& dev);

}  // namespace iommulab::v6_12
