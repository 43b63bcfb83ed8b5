// SPDX-License-Identifier: GPL-2.0-only
//
// What Intel's driver tells of each remapping unit in /sys/class/iommu: dmar0/intel-iommu/ with
// address, version, cap and ecap, for anybody to read.
#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "platform/machine/machine.h"

namespace iommulab {

/// The units of a /sys/class/iommu, a running system's or a copy, ascending by address; none where
/// the driver is off. EINVAL, naming file and value, for what does not read.
absl::StatusOr<std::vector<remapping_unit_config>> units_of_sysfs(const std::string& folder);

}  // namespace iommulab
