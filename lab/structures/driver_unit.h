// SPDX-License-Identifier: GPL-2.0-only
//
// What the driver keeps of a unit, as its structure says: the same for every kernel.
#pragma once

#include <optional>
#include <string_view>

#include "core/structure.h"
#include "kernel/kernel.h"

namespace iommulab {

/// The driver's struct intel_iommu of that unit. `field` is the only one that is looked at; empty
/// for all. Nothing while the driver has none.
std::optional<structure> driver_unit(kernel& system, const vtd_unit& unit, std::string_view field);

}  // namespace iommulab
