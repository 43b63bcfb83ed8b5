// SPDX-License-Identifier: GPL-2.0-only
//
// The fault event as Linux 6.12 handles it: its interrupt, and reading and clearing fault records,
// those of requests with a PASID too.
#pragma once

#include <string_view>

#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

/// What the log calls a fault reason; "Unknown" for one that the kernel has no words for.
/// Linux v6.12 drivers/iommu/intel/dmar.c: dmar_get_fault_reason()
std::string_view dmar_get_fault_reason(uint8_t fault_reason);

// Linux v6.12 drivers/iommu/intel/dmar.c, by name.
void dmar_fault(intel_driver& drv, intel_iommu& iommu);
int dmar_set_interrupt(intel_driver& drv, intel_iommu& iommu);
void dmar_msi_unmask(intel_driver& drv, intel_iommu& iommu);
void dmar_msi_mask(intel_driver& drv, intel_iommu& iommu);

}  // namespace iommulab::v6_12
