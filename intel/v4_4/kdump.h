// SPDX-License-Identifier: GPL-2.0-only
//
// Taking over from a crashed kernel: its devices still do DMA, so its context tables are copied
// and translation stays on until this kernel's drivers take each device.
#pragma once

#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

/// Copies the tables that RTADDR points to. 0; -EINVAL when the register does not fit or is 0;
/// -ENOMEM. Linux v4.4 drivers/iommu/intel-iommu.c: copy_translation_tables()
int copy_translation_tables(intel_driver& drv, intel_iommu& iommu);

}  // namespace iommulab::v4_4
