// SPDX-License-Identifier: GPL-2.0-only
//
// Who owns a domain of the IOMMU API can be told of the faults in it: the driver of the IOMMU
// reports, the owner's handler decides. The intel driver of 4.4 reports none: it logs them.
#pragma once

#include "core/iommu/iommu.h"

namespace iommulab {

// flags of a report
inline constexpr int iommu_fault_read = 0;
inline constexpr int iommu_fault_write = 1;

// Linux v4.4 drivers/iommu/iommu.c and include/linux/iommu.h, by name.

/// From now on `handler` hears of the domain's faults; an empty one ends that.
void iommu_set_fault_handler(iommu_domain& domain, iommu_fault_handler handler);
/// For an IOMMU driver: the handler's result, which is 0 when it mended what was wrong; -ENOSYS
/// when there is no handler.
int report_iommu_fault(iommu_domain& domain, device& dev, dma_addr iova, int flags);

}  // namespace iommulab
