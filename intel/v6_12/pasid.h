// SPDX-License-Identifier: GPL-2.0-only
//
// Scalable mode: each device has a directory of PASID tables of its own, which its context entry
// leads to. PASID 0 is that of requests without one. An entry leads to a domain's table, or lets
// requests pass.
// Linux v6.12 drivers/iommu/intel/pasid.c
#pragma once

#include <cstdint>

#include "intel/v6_12/driver.h"
#include "platform/vtd/spec/scalable_entries.h"

namespace iommulab::v6_12 {

// Linux v6.12 drivers/iommu/intel/pasid.c, by name. 0 or a negative errno.

/// An empty directory for the device. -ENOMEM.
int intel_pasid_alloc_table(intel_driver& drv, device& dev);
void intel_pasid_free_table(intel_driver& drv, device& dev);
/// A context entry that leads to the directory, not present yet; and its first two words, where
/// iommu_context_addr() shows them: the others are reserved.
vtd::scalable_context_entry entry_for(const pasid_table& table);
vtd::context_entry lower_half(const vtd::scalable_context_entry& entry);
/// The device's context entry leads to its directory.
int intel_pasid_setup_sm_context(intel_driver& drv, device& dev);
void intel_pasid_teardown_sm_context(intel_driver& drv, device& dev);

// An entry that was absent; -EBUSY when it is there, -ENODEV when no table could be had, -EINVAL
// when the unit has no such tables.
int intel_pasid_setup_first_level(intel_driver& drv, dmar_domain& domain, device& dev, ioasid pasid,
                                  bool five_levels);
int intel_pasid_setup_second_level(intel_driver& drv, dmar_domain& domain, device& dev,
                                   ioasid pasid);
int intel_pasid_setup_pass_through(intel_driver& drv, device& dev, ioasid pasid);
/// All accesses through the entry snoop from now on.
void intel_pasid_setup_page_snoop_control(intel_driver& drv, device& dev, ioasid pasid);
/// The entry goes, and all that is cached of it. `fault_ignore`: faults of the PASID are not told.
void intel_pasid_tear_down_entry(intel_driver& drv, intel_iommu& iommu, device& dev, ioasid pasid,
                                 bool fault_ignore);

}  // namespace iommulab::v6_12
