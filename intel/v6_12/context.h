// SPDX-License-Identifier: GPL-2.0-only
//
// Context entries, one for each requester id: in legacy mode they lead to a domain's table or say
// that a device passes through; in scalable mode to a device's PASID directory (pasid.h).
#pragma once

#include <cstdint>

#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

// Linux v6.12 drivers/iommu/intel/iommu.h: context_copied() and its neighbours
bool context_copied(const intel_driver& drv, const intel_iommu& iommu, uint8_t bus, uint8_t devfn);
void set_context_copied(intel_driver& drv, const intel_iommu& iommu, uint8_t bus, uint8_t devfn);
void clear_context_copied(intel_driver& drv, const intel_iommu& iommu, uint8_t bus, uint8_t devfn);

// Linux v6.12 drivers/iommu/intel/iommu.c, by name.

/// The entry, with the table for it made when `alloc` says so; null when there is none. In scalable
/// mode an entry is two of them wide. Another kernel's entry is shown to who writes it alone.
vtd::context_entry* iommu_context_addr(intel_driver& drv, intel_iommu& iommu, uint8_t bus,
                                       uint8_t devfn, bool alloc);
/// What root and context entries are in the mode that the unit runs in.
table_kind root_kind(const intel_driver& drv, const intel_iommu& iommu);
table_kind context_kind(const intel_driver& drv, const intel_iommu& iommu);
/// Takes the present bit away, with everything else left: what is cached goes before the rest.
void context_clear_present(intel_driver& drv, intel_iommu& iommu, vtd::context_entry* context);
/// Zeroes an entry.
void context_clear_entry(intel_driver& drv, intel_iommu& iommu, vtd::context_entry* context);

/// The domain's device of this requester id, or null: aliases are no devices.
device_domain_info* domain_lookup_dev_info(intel_driver& drv, dmar_domain& domain,
                                           const intel_iommu& iommu, uint8_t bus, uint8_t devfn);
/// Whether the driver has an entry there already.
bool is_set_up(const intel_driver& drv, const intel_iommu& iommu, const vtd::context_entry& context,
               uint8_t bus, uint8_t devfn);
/// What another kernel's entry, of domain `did_old`, left in caches goes: nothing else would unmap
/// it.
void flush_copied_entry(intel_driver& drv, intel_iommu& iommu, domain_id did_old, uint8_t bus,
                        uint8_t devfn);
/// An entry of legacy mode that leads to the domain's table. `info` is null for an alias.
vtd::context_entry context_of_table(const device_domain_info* info, const dmar_domain& domain,
                                    uint16_t did);
/// One without a table: the device passes through.
vtd::context_entry context_of_pass_through(const intel_iommu& iommu, uint16_t did);
/// The entry becomes what `value` says, with the present bit; it was absent or another kernel's.
void make_present(intel_driver& drv, intel_iommu& iommu, vtd::context_entry* context,
                  vtd::context_entry value);
/// An entry came: units in caching mode remember that it was not there.
void context_present_cache_flush(intel_driver& drv, intel_iommu& iommu, uint16_t did, uint8_t bus,
                                 uint8_t devfn);

/// Entries for the device and its aliases. 0, or -ENOMEM.
int domain_context_mapping(intel_driver& drv, dmar_domain& domain, device& dev);
/// domain_context_clear()
void domain_context_clear(intel_driver& drv, device_domain_info& info);
/// device_setup_pass_through()
int device_setup_pass_through(intel_driver& drv, device& dev);
/// What is cached of an entry that was present: of requester `sid`, which may be an alias of the
/// device's. Linux v6.12 drivers/iommu/intel/pasid.c: intel_context_flush_no_pasid()
void intel_context_flush_no_pasid(intel_driver& drv, device_domain_info& info, uint16_t did,
                                  uint16_t sid);
void free_context_table(intel_driver& drv, intel_iommu& iommu);

}  // namespace iommulab::v6_12
