// SPDX-License-Identifier: GPL-2.0-only
//
// Finding a remapping unit's registers and reading what it can do.
#pragma once

#include "absl/functional/function_ref.h"
#include "intel/dmar/dmar_state.h"

namespace iommulab {

/// __iommu_flush_cache(): what the CPU wrote becomes visible to a unit that does not snoop.
void iommu_flush_cache(const driver_base& drv, const intel_iommu& iommu, const void* address,
                       uint64_t size);

// Linux v4.4 drivers/iommu/dmar.c
int alloc_iommu(dmar_state& dmar, dmar_drhd_unit& drhd);
void free_iommu(dmar_state& dmar, intel_iommu* iommu);

// Linux v4.4 drivers/iommu/intel-iommu.c: the largest adjusted width code up to 48 bits, or at
// all, that the unit supports; -1 when there is none.
int iommu_calculate_agaw(const intel_iommu& iommu);
int iommu_calculate_max_sagaw(const intel_iommu& iommu);

/// IOMMU_WAIT_OP: polls until `done` says so. Each poll takes a microsecond of virtual time; ten
/// seconds without success is a panic, as in the kernel; `before_panic` is called then.
void iommu_wait_op(
    dmar_state& dmar, absl::FunctionRef<bool()> done,
    absl::FunctionRef<void()> before_panic = [] {});

}  // namespace iommulab
