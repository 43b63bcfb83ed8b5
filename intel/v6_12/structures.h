// SPDX-License-Identifier: GPL-2.0-only
//
// What Linux 6.12's driver keeps, as plain data, in sections of one kind each.
#pragma once

#include <vector>

#include "core/structure.h"
#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

/// Of the driver, as far as it is wanted. No lock is taken: whoever asks holds the system still.
std::vector<structure_section> structures_of(const intel_driver& drv,
                                             const structure_query& wanted);
/// A device's part in it: struct device with dev->iommu.
structure structure_of(const device& dev);

}  // namespace iommulab::v6_12
