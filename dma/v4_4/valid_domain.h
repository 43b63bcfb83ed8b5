// SPDX-License-Identifier: GPL-2.0-only
//
// What every mapping begins with: whether the device is translated at all, the domain that it maps
// into, and a free range of I/O virtual addresses in it.
#pragma once

#include <cstdint>

#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

// Linux v4.4 drivers/iommu/intel-iommu.c, by name.

/// Whether the device sees memory itself. Moves the device into the identity domain, or out of it
/// for good, when its DMA mask asks for that.
bool iommu_no_mapping(intel_driver& drv, device& dev);
/// The device's domain; made, with the device's reserved regions mapped, if it has none. Null on
/// failure.
dmar_domain* get_valid_domain_for_dev(intel_driver& drv, device& dev);
/// `nrpages` rounded up to a power of two, aligned to that, at the top of what `dma_mask` reaches:
/// below 4 GiB as long as there is room. Null when there is none.
iova* intel_alloc_iova(intel_driver& drv, const device& dev, dmar_domain& domain, uint64_t nrpages,
                       uint64_t dma_mask);

}  // namespace iommulab::v4_4
