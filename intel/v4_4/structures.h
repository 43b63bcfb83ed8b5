// SPDX-License-Identifier: GPL-2.0-only
//
// What Linux 4.4's driver keeps, as plain data, in sections of one kind each.
#pragma once

#include <vector>

#include "core/structure.h"
#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

/// Of the driver, as far as it is wanted. No lock is taken: whoever asks holds the system still.
std::vector<structure_section> structures_of(const intel_driver& drv,
                                             const structure_query& wanted);
/// A device's part in it: struct device with dev->archdata.
structure structure_of(const device& dev);

}  // namespace iommulab::v4_4
