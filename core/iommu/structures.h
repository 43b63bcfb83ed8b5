// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "core/iommu/iommu.h"
#include "core/structure.h"

namespace iommulab {

structure_link link_to(const device* dev);
structure_link link_to(const iommu_domain* domain);

/// Linux drivers/iommu/iommu.c: struct iommu_group
structure structure_of(const iommu_group& group);
/// Linux include/linux/iommu.h: struct iommu_domain
structure structure_of(const iommu_domain& domain);

}  // namespace iommulab
