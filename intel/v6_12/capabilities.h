// SPDX-License-Identifier: GPL-2.0-only
//
// What the driver makes of what a unit can do.
// Linux v6.12 drivers/iommu/intel/iommu.h: sm_supported() and its neighbours
#pragma once

#include "intel/dmar/intel_iommu.h"
#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

/// The unit is run in scalable mode.
inline bool sm_supported(const intel_driver& drv, const intel_iommu& iommu) {
  return drv.options.intel_iommu_sm && iommu.ecap.scalable_mode();
}
inline bool pasid_supported(const intel_driver& drv, const intel_iommu& iommu) {
  return sm_supported(drv, iommu) && iommu.ecap.pasid();
}
inline bool ssads_supported(const intel_driver& drv, const intel_iommu& iommu) {
  return sm_supported(drv, iommu) && iommu.ecap.second_level_dirty() &&
         iommu.ecap.scalable_page_walk_coherency();
}
/// Whether page walks snoop the processor's caches.
inline bool iommu_paging_structure_coherency(const intel_driver& drv, const intel_iommu& iommu) {
  return sm_supported(drv, iommu) ? iommu.ecap.scalable_page_walk_coherency()
                                  : iommu.ecap.page_walk_coherency();
}

}  // namespace iommulab::v6_12
