// SPDX-License-Identifier: GPL-2.0-only
//
// Addresses that may be mapped: what all domains reach, without the groups' reserved regions. Lists
// are changed as copies, so that a failure leaves the container's as it is.
// Linux v6.12 drivers/vfio/vfio_iommu_type1.c.
#pragma once

#include <cstdint>
#include <vector>

#include "vfio/v6_12/type1/vfio_iommu.h"

namespace iommulab::v6_12 {

/// Whether an aperture has nothing of the container's, or leaves a mapping out.
bool vfio_iommu_aper_conflict(vfio_iommu& iommu, uint64_t start, uint64_t end);
/// Cuts the list to the aperture; an empty one becomes it. 0 or -ENOMEM.
int vfio_iommu_aper_resize(vfio_iommu& iommu, vfio_iova_list& iova, uint64_t start, uint64_t end);
/// A domain has gone: the ends of the list become those of the domains that are left.
void vfio_iommu_aper_expand(vfio_iommu& iommu, vfio_iova_list& iova_copy);
/// Whether a mapping meets one of the regions. `direct_relaxable` ones do not count.
bool vfio_iommu_resv_conflict(vfio_iommu& iommu, const std::vector<iommu_resv_region>& regions);
/// -EINVAL when nothing is left.
int vfio_iommu_resv_exclude(vfio_iommu& iommu, vfio_iova_list& iova,
                            const std::vector<iommu_resv_region>& regions);
/// A group has gone: the list without the regions of those that are left.
int vfio_iommu_resv_refresh(vfio_iommu& iommu, vfio_iova_list& iova_copy);
void vfio_iommu_resv_free(vfio_iommu& iommu, std::vector<iommu_resv_region>& regions);
void vfio_iommu_iova_free(vfio_iommu& iommu, vfio_iova_list& iova);
int vfio_iommu_iova_get_copy(vfio_iommu& iommu, vfio_iova_list& iova_copy);
/// The copy becomes the container's list.
void vfio_iommu_iova_insert_copy(vfio_iommu& iommu, vfio_iova_list& iova_copy);
/// Whether interrupt messages have to be mapped, at an address of the kernel's choice.
bool vfio_iommu_has_sw_msi(vfio_iommu& iommu, const std::vector<iommu_resv_region>& regions,
                           phys_addr& base);

}  // namespace iommulab::v6_12
