// SPDX-License-Identifier: GPL-2.0-only
//
// Commands to one unit through its registers: root pointer, translation on and off, write-buffer
// flush, register-based invalidation, protected memory. Each waits until the unit reports that it
// is done.
#pragma once

#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

// Linux v6.12 drivers/iommu/intel/iommu.c, by name.
int iommu_alloc_root_entry(intel_driver& drv, intel_iommu& iommu);
/// With it, all that is cached goes, unless the unit does that by itself.
void iommu_set_root_entry(intel_driver& drv, intel_iommu& iommu);
void iommu_flush_write_buffer(intel_driver& drv, intel_iommu& iommu);
void iommu_enable_translation(intel_driver& drv, intel_iommu& iommu);
void iommu_disable_translation(intel_driver& drv, intel_iommu& iommu);
/// Does nothing on a unit without protected regions.
void iommu_disable_protect_mem_regions(intel_driver& drv, intel_iommu& iommu);
/// Notes whether translation was on when the kernel took over.
void init_translation_status(intel_iommu& iommu);

/// __iommu_flush_context(): through CCMD.
void iommu_flush_context_reg(dmar_state& dmar, intel_iommu& iommu, domain_id did,
                             uint16_t source_id, uint8_t function_mask,
                             vtd::context_granularity type);
/// __iommu_flush_iotlb(): through IVA and IOTLB.
void iommu_flush_iotlb_reg(dmar_state& dmar, intel_iommu& iommu, domain_id did, uint64_t addr,
                           unsigned size_order, vtd::iotlb_granularity type);

}  // namespace iommulab::v6_12
