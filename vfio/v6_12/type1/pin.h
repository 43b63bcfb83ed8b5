// SPDX-License-Identifier: GPL-2.0-only
//
// Pinning of a user's pages, and what that counts as. Linux v6.12 drivers/vfio/vfio_iommu_type1.c.
//
// Pages are taken in batches. A run that ends inside a batch leaves the rest of it, pinned and not
// yet counted, for the next call.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vfio/v6_12/memory/user_memory.h"
#include "vfio/v6_12/type1/vfio_iommu.h"

namespace iommulab::v6_12 {

/// Pages of a batch: pointers that one page holds.
inline constexpr int vfio_batch_max_capacity = page_size / sizeof(uint64_t);

struct vfio_batch {
  std::vector<phys_addr> pages;
  std::optional<phys_addr> memory;  ///< nothing when there was none: one page at a time then
  int capacity = 0;
  int size = 0;    ///< pages that are left
  int offset = 0;  ///< of the next one
};
void vfio_batch_init(vfio_iommu& iommu, vfio_batch& batch);
void vfio_batch_unpin(vfio_iommu& iommu, vfio_batch& batch, const vfio_dma& dma);
void vfio_batch_fini(vfio_iommu& iommu, vfio_batch& batch);

/// It is no page of memory, and nothing of it is counted.
bool is_invalid_reserved_pfn(vfio_iommu& iommu, uint64_t pfn);
/// Pages that were unpinned: 1, or 0 for what is no memory.
int put_pfn(vfio_iommu& iommu, uint64_t pfn, int prot);
/// Counts `npage` more pages, or fewer: 0, -ENOMEM beyond the limit, -ESRCH with `async` when the
/// process has ended.
int vfio_lock_acct(vfio_iommu& iommu, vfio_dma& dma, int64_t npage, bool async);
/// The same for whoever: not the mapping's.
int mm_lock_acct(vfio_iommu& iommu, const task_struct& task, mm_struct& mm, bool lock_cap,
                 int64_t npage);
/// How many of `npages` pages were pinned and added to `pages`, or a negative errno.
int64_t vaddr_get_pfns(vfio_iommu& iommu, mm_struct& mm, uint64_t vaddr, int64_t npages, int prot,
                       uint64_t& pfn, std::vector<phys_addr>& pages);

/// Pins a run of pages side by side in memory, at most `npage`, from `vaddr` on: how many, with the
/// first in `pfn_base`, or a negative errno. `limit` counts pages.
int64_t vfio_pin_pages_remote(vfio_iommu& iommu, vfio_dma& dma, task_struct& current,
                              uint64_t vaddr, int64_t npage, uint64_t& pfn_base, uint64_t limit,
                              vfio_batch& batch);
/// Pages that were unpinned.
int64_t vfio_unpin_pages_remote(vfio_iommu& iommu, vfio_dma& dma, uint64_t iova, uint64_t pfn,
                                int64_t npage, bool do_accounting);

}  // namespace iommulab::v6_12
