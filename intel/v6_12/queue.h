// SPDX-License-Identifier: GPL-2.0-only
//
// Queued invalidation as Linux 6.12 does it: 256 descriptors of 16 bytes, or of 32 for a unit that
// knows scalable mode; any number of them in one submission, with one wait descriptor behind.
#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "intel/v6_12/driver.h"
#include "intel/v6_12/qi_desc.h"

namespace iommulab::v6_12 {

// Linux v6.12 drivers/iommu/intel/dmar.c, by name.
int dmar_enable_qi(intel_driver& drv, intel_iommu& iommu);
void dmar_disable_qi(intel_driver& drv, intel_iommu& iommu);
int dmar_reenable_qi(intel_driver& drv, intel_iommu& iommu);

/// Queues descriptors and waits until the unit is through with them. 0, -EINVAL when it calls one
/// invalid, -ETIMEDOUT when a device that is gone did not answer.
int qi_submit_sync(intel_driver& drv, intel_iommu& iommu, absl::Span<const qi_desc> descs);

// The two that iommu_flush points to.
void qi_flush_context(dmar_state& dmar, intel_iommu& iommu, domain_id did, uint16_t sid, uint8_t fm,
                      vtd::context_granularity type);
/// Bit 0 of `addr` is the leaf hint.
void qi_flush_iotlb(dmar_state& dmar, intel_iommu& iommu, domain_id did, uint64_t addr,
                    unsigned size_order, vtd::iotlb_granularity type);

/// 2^mask pages at `addr` in a device's own cache; nothing while translation is off.
void qi_flush_dev_iotlb(intel_driver& drv, intel_iommu& iommu, uint16_t sid, uint16_t pfsid,
                        uint16_t qdep, uint64_t addr, unsigned mask);
void qi_flush_dev_iotlb_pasid(intel_driver& drv, intel_iommu& iommu, uint16_t sid, uint16_t pfsid,
                              uint32_t pasid, uint16_t qdep, uint64_t addr, unsigned size_order);
/// `npages` may be every_page.
void qi_flush_piotlb(intel_driver& drv, intel_iommu& iommu, uint16_t did, uint32_t pasid,
                     uint64_t addr, uint64_t npages, bool ih);
void qi_flush_pasid_cache(intel_driver& drv, intel_iommu& iommu, uint16_t did,
                          vtd::pasid_cache_granularity granularity, uint32_t pasid);

}  // namespace iommulab::v6_12
