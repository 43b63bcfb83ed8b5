// SPDX-License-Identifier: GPL-2.0-only
//
// Taking over translation from the kernel that crashed before this one.
#pragma once

#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

/// Copies the context tables that the unit uses, so that devices which go on with their DMA do no
/// harm; marks whose entries they are. 0; -EINVAL when the mode is another, or there is no table;
/// -ENOMEM.
/// Linux v6.12 drivers/iommu/intel/iommu.c: copy_translation_tables()
int copy_translation_tables(intel_driver& drv, intel_iommu& iommu);

}  // namespace iommulab::v6_12
