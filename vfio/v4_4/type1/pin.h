// SPDX-License-Identifier: GPL-2.0-only
//
// Pinning of a user's pages, and what that counts as. Linux v4.4
// drivers/vfio/vfio_iommu_type1.c.
//
// Pages are taken one by one, as long as each lies behind the one before it in memory.
#pragma once

#include <cstdint>

#include "vfio/v4_4/type1/vfio_iommu.h"

namespace iommulab::v4_4 {

/// It is no page of memory, or the zero page that all processes share: nothing of it is counted.
bool is_invalid_reserved_pfn(vfio_iommu& iommu, uint64_t pfn);
/// Pages that were given back: 1, or 0 for what is reserved.
int put_pfn(vfio_iommu& iommu, uint64_t pfn, int prot);

/// Pins a run of at most `npage` pages from `vaddr` on: how many, with the first in `pfn_base`, or
/// a negative errno.
int64_t vfio_pin_pages(vfio_iommu& iommu, task_struct& current, uint64_t vaddr, int64_t npage,
                       int prot, uint64_t& pfn_base);
/// Pages that were unpinned.
int64_t vfio_unpin_pages(vfio_iommu& iommu, uint64_t pfn, int64_t npage, int prot,
                         bool do_accounting);

}  // namespace iommulab::v4_4
