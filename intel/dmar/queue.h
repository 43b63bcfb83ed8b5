// SPDX-License-Identifier: GPL-2.0-only
//
// Queued invalidation: one page of descriptors, each followed by a wait descriptor whose status
// word says when it is done.
#pragma once

#include <cstdint>

#include "intel/dmar/dmar_state.h"

namespace iommulab {

// Linux v4.4 drivers/iommu/dmar.c, by name.
int dmar_enable_qi(dmar_state& dmar, intel_iommu& iommu);
void dmar_disable_qi(dmar_state& dmar, intel_iommu& iommu);
int dmar_reenable_qi(dmar_state& dmar, intel_iommu& iommu);

/// Queues `desc` with a wait descriptor and waits for it. 0, or -EINVAL when the unit calls the
/// descriptor invalid.
int qi_submit_sync(dmar_state& dmar, intel_iommu& iommu, vtd::descriptor desc);

void qi_flush_context(dmar_state& dmar, intel_iommu& iommu, domain_id did, uint16_t sid, uint8_t fm,
                      vtd::context_granularity type);
/// `addr` may carry the leaf hint in bit 6.
void qi_flush_iotlb(dmar_state& dmar, intel_iommu& iommu, domain_id did, uint64_t addr,
                    unsigned size_order, vtd::iotlb_granularity type);
/// Invalidates 2^mask pages at `addr` in a device's own cache; `qdep` is its queue depth.
void qi_flush_dev_iotlb(dmar_state& dmar, intel_iommu& iommu, uint16_t sid, uint16_t qdep,
                        uint64_t addr, unsigned mask);
/// The same with the physical function's id, 0 for a unit without device-TLB throttling.
void qi_flush_dev_iotlb(dmar_state& dmar, intel_iommu& iommu, uint16_t sid, uint16_t pfsid,
                        uint16_t qdep, uint64_t addr, unsigned mask);
void qi_global_iec(dmar_state& dmar, intel_iommu& iommu);

}  // namespace iommulab
