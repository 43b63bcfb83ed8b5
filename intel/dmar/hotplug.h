// SPDX-License-Identifier: GPL-2.0-only
//
// Remapping units that come and go with a hot-plugged root complex (VT-d specification 8.8): an
// ACPI device's _DSM returns the structures that describe them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "intel/dmar/dmar_state.h"

namespace iommulab {

/// Functions of the _DSM; the numbers are the specification's.
enum class dmar_dsm_function : uint8_t { drhd = 1, atsr = 2, rhsa = 3 };

/// The _DSM of a hot-plugged device: the structures a function returns, or nothing where it does
/// not have the function.
using dmar_dsm = std::function<std::optional<std::vector<uint8_t>>(dmar_dsm_function)>;

// Linux v4.4 drivers/iommu/dmar.c. 0 or a negative errno; nothing is done, and 0 returned, while
// remapping is not in use.
int dmar_device_add(dmar_state& dmar, const dmar_dsm& dsm);
/// -EBUSY while a device of one of the units or root ports is present.
int dmar_device_remove(dmar_state& dmar, const dmar_dsm& dsm);

}  // namespace iommulab
