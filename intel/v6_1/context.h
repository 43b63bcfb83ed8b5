// SPDX-License-Identifier: GPL-2.0-only
//
// Context entries of 6.1: written at the attach in both modes; in scalable mode the entry leads to
// the device's PASID directory and goes with its domain.
#pragma once

#include "intel/v6_12/context.h"

namespace iommulab::v6_1 {

// Linux v6.1 drivers/iommu/intel/iommu.c, by name.

/// Entries for the device and its aliases. 0, -ENODEV without a unit, or -ENOMEM.
int domain_context_mapping(v6_12::intel_driver& drv, v6_12::dmar_domain& domain, device& dev);
/// Whether the device or an alias of it has an entry; true for one that no unit is in charge of.
bool domain_context_mapped(v6_12::intel_driver& drv, device& dev);
/// The entries go, and what is cached of them.
void domain_context_clear(v6_12::intel_driver& drv, v6_12::device_domain_info& info);

}  // namespace iommulab::v6_1
