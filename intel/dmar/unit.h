// SPDX-License-Identifier: GPL-2.0-or-later
//
// Finding a remapping unit's registers and reading what it can do.
#pragma once

#include "absl/functional/function_ref.h"
#include "intel/driver.h"

namespace iommulab {

// Linux v4.4 drivers/iommu/dmar.c
int alloc_iommu(intel_driver& drv, dmar_drhd_unit& drhd);
void free_iommu(intel_driver& drv, intel_iommu* iommu);

// Linux v4.4 drivers/iommu/intel-iommu.c: the largest adjusted width code up to 48 bits, or at
// all, that the unit supports; -1 when there is none.
int iommu_calculate_agaw(const intel_iommu& iommu);
int iommu_calculate_max_sagaw(const intel_iommu& iommu);

/// IOMMU_WAIT_OP: polls until `done` says so. Each poll takes a microsecond of virtual time; ten
/// seconds without success is a panic, as in the kernel.
void iommu_wait_op(intel_driver& drv, absl::FunctionRef<bool()> done);

}  // namespace iommulab
