// SPDX-License-Identifier: GPL-2.0-only
//
// What Linux 4.4's driver keeps, as plain data, in sections of one kind each.
#pragma once

#include <vector>

#include "core/structure.h"
#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

/// Everything of the driver. No lock is taken: whoever asks holds the system still.
std::vector<structure_section> structures_of(const intel_driver& drv);
/// A device's part in it: struct device with dev->archdata.
structure structure_of(const device& dev);

}  // namespace iommulab::v4_4
