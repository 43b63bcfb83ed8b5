// SPDX-License-Identifier: GPL-2.0-only
//
// Cache tags: which caches may hold translations of a domain, and flushing them. A unit's IOTLB is
// a tag for each domain id and PASID under which the domain is there; a device's own cache is one
// more. Tags count who needs them.
//
// domain.cache_lock guards the tags and the batch; a flush holds it until its descriptors are done.
#pragma once

#include <cstdint>

#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

/// What a page-selective invalidation covers: 2^mask pages at `address`.
struct psi_range {
  uint64_t address = 0;
  uint64_t pages = 0;
  unsigned mask = 0;
};
/// The smallest such range that holds all bytes from `start` to `end`.
/// Linux v6.12 drivers/iommu/intel/cache.c: calculate_psi_aligned_address()
psi_range calculate_psi_aligned_address(uint64_t start, uint64_t end);

// Linux v6.12 drivers/iommu/intel/cache.c, by name.

/// The device, or a PASID of it, sees the domain from now on. 0 or -ENOMEM.
int cache_tag_assign_domain(intel_driver& drv, dmar_domain& domain, device& dev, ioasid pasid);
void cache_tag_unassign_domain(intel_driver& drv, dmar_domain& domain, device& dev, ioasid pasid);
/// Mappings of the bytes `start` to `end` are gone; `ih`: no table between went with them.
void cache_tag_flush_range(intel_driver& drv, dmar_domain& domain, uint64_t start, uint64_t end,
                           bool ih);
void cache_tag_flush_all(intel_driver& drv, dmar_domain& domain);
/// Mappings came: for units that remember what was not there, and for write buffers.
void cache_tag_flush_range_np(intel_driver& drv, dmar_domain& domain, uint64_t start, uint64_t end);

}  // namespace iommulab::v6_12
