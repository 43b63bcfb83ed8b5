// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>

#include "core/structure.h"
#include "dma/v6_12/flush_queue.h"

namespace iommulab::v6_12 {

/// Linux v6.12 include/linux/iova.h: struct iova_domain, with its ranges in ascending order; those
/// in caches are among them. What is free between two stands with the upper one, as gap_below.
/// `field`: the only one that is looked at, or empty: ranges may be many.
structure structure_of(const iova_domain& iovad, std::string name, std::string_view field = {});
/// Linux v6.12 drivers/iommu/dma-iommu.c: struct iommu_dma_cookie, with what waits in its queues.
structure structure_of(const iommu_dma_cookie& cookie, std::string name);

}  // namespace iommulab::v6_12
