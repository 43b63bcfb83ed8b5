// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "core/iommu/v6_12/iommu.h"
#include "core/structure.h"

namespace iommulab::v6_12 {

/// Linux v6.12 drivers/iommu/iommu.c: struct iommu_group
structure structure_of(const iommu_group& group);
/// Linux v6.12 include/linux/iommu.h: struct iommu_domain
structure structure_of(const iommu_domain& domain);
/// Linux v6.12 include/linux/iommu.h: struct dev_iommu, of a device that has one
structure dev_iommu_structure_of(const device& dev);

}  // namespace iommulab::v6_12
