// SPDX-License-Identifier: GPL-2.0-only
//
// What all units have in common: the driver counts on nothing else. Of numbers it is the smallest,
// of features those that every unit has like the first one.
// Linux v6.12 drivers/iommu/intel/cap_audit.c
#pragma once

#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

// Linux v6.12 drivers/iommu/intel/cap_audit.c, by name.

/// Over the units that are used (`newcomer` is null): 0, or -EOPNOTSUPP when they have scalable
/// mode in common and no kind of tables. Of a hot-added unit: -EFAULT when it has less than the
/// others. 6.12 compares the others' fields at their places in the register with the newcomer's
/// values, so that hardly any unit passes.
int intel_cap_audit(intel_driver& drv, intel_iommu* newcomer);
bool intel_cap_smts_sanity(intel_driver& drv);
bool intel_cap_flts_sanity(intel_driver& drv);
bool intel_cap_slts_sanity(intel_driver& drv);

/// scalable_mode_support()
inline bool scalable_mode_support(intel_driver& drv) {
  return drv.options.intel_iommu_sm && intel_cap_smts_sanity(drv);
}

}  // namespace iommulab::v6_12
