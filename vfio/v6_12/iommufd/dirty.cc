// SPDX-License-Identifier: GPL-2.0-only
//
// Which pages devices wrote. Linux v6.12 drivers/iommu/iommufd/io_pagetable.c
#include <algorithm>
#include <cerrno>

#include "vfio/v6_12/iommufd/io_pagetable.h"
#include "vfio/v6_12/iommufd/iova_bitmap.h"

namespace iommulab::v6_12 {

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iommufd_check_iova_range()
int iommufd_check_iova_range(const io_pagetable& iopt,
                             const uapi::iommu_hwpt_get_dirty_bitmap& bitmap) {
  IOMMULAB_CALL(iopt.trace(), "iommufd_check_iova_range", {"iova", bitmap.iova},
                {"length", bitmap.length});
  uint64_t last_iova = 0;
  if (bitmap.length == 0) return this_call.result(-EINVAL);
  if (add_overflows(bitmap.iova, bitmap.length - 1, last_iova)) {
    return this_call.result(-EOVERFLOW);
  }
  const uint64_t ends = bitmap.iova | (last_iova + 1);
  if ((ends & (iopt.iova_alignment - 1)) != 0) return this_call.result(-EINVAL);
  if (bitmap.page_size == 0) return this_call.result(-EINVAL);
  if ((ends & (bitmap.page_size - 1)) != 0) return this_call.result(-EINVAL);
  return this_call.result(0);
}

namespace {

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: __iommu_read_and_clear_dirty()
int read_and_clear_dirty_range(const io_pagetable& iopt, iommu_domain& domain, uint64_t iova,
                               uint64_t length, unsigned flags, iommu_dirty_bitmap& dirty) {
  IOMMULAB_CALL(iopt.trace(), "__iommu_read_and_clear_dirty", {"iova", iova}, {"length", length});
  const uint64_t last_iova = iova + length - 1;
  iopt_area_contig_iter iter;
  for (const iopt_area* area = iopt_area_contig_init(iter, iopt, iova, last_iova); area != nullptr;
       area = iopt_area_contig_next(iter)) {
    const uint64_t last = std::min(last_iova, iopt_area_last_iova(*area));
    const int ret = domain.dirty_ops->read_and_clear_dirty(domain, dma_addr(iter.cur_iova),
                                                           last - iter.cur_iova + 1, flags, dirty);
    if (ret != 0) return this_call.result(ret);
  }
  return this_call.result(iopt_area_contig_done(iter) ? 0 : -EINVAL);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iommu_read_and_clear_dirty(). What the walk
// returns is not looked at there.
int iommu_read_and_clear_dirty(const io_pagetable& iopt, task_struct& current, iommu_domain& domain,
                               unsigned flags, const uapi::iommu_hwpt_get_dirty_bitmap& bitmap) {
  IOMMULAB_CALL(iopt.trace(), "iommu_read_and_clear_dirty", {"domain", domain}, {"flags", flags});
  if (domain.dirty_ops == nullptr) return this_call.result(-EOPNOTSUPP);
  slab_token memory(iopt.module.slab);
  slab_token pages(iopt.module.slab);
  if (!memory || !pages) return this_call.result(-ENOMEM);
  iova_bitmap iter(current, bitmap.iova, bitmap.length, bitmap.page_size, bitmap.data);
  iommu_iotlb_gather gather;
  iommu_dirty_bitmap dirty{&iter, &gather};
  read_and_clear_dirty_range(iopt, domain, bitmap.iova, bitmap.length, flags, dirty);
  if ((flags & iommu_dirty_no_clear) == 0) iommu_iotlb_sync(domain, gather);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_clear_dirty_data()
int iopt_clear_dirty_data(io_pagetable& iopt, iommu_domain& domain) {
  IOMMULAB_CALL(iopt.trace(), "iopt_clear_dirty_data", {"domain", domain});
  iommu_iotlb_gather gather;
  iommu_dirty_bitmap dirty{nullptr, &gather};
  int ret = 0;
  for (const iopt_area* area = iopt_area_iter_first(iopt, 0, UINT64_MAX);
       area != nullptr && ret == 0; area = iopt_area_iter_next(*area, 0, UINT64_MAX)) {
    if (area->pages == nullptr) continue;
    // The kernel's compiler fetches the last argument first.
    const uint64_t length = iopt_area_length(*area);
    ret = domain.dirty_ops->read_and_clear_dirty(domain, dma_addr(iopt_area_iova(*area)), length, 0,
                                                 dirty);
  }
  iommu_iotlb_sync(domain, gather);
  return this_call.result(ret);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_read_and_clear_dirty_data()
int iopt_read_and_clear_dirty_data(io_pagetable& iopt, task_struct& current, iommu_domain& domain,
                                   unsigned flags,
                                   const uapi::iommu_hwpt_get_dirty_bitmap& bitmap) {
  IOMMULAB_CALL(iopt.trace(), "iopt_read_and_clear_dirty_data", {"domain", domain},
                {"flags", flags});
  const int ret = iommufd_check_iova_range(iopt, bitmap);
  if (ret != 0) return this_call.result(ret);
  return this_call.result(iommu_read_and_clear_dirty(iopt, current, domain, flags, bitmap));
}

// Linux v6.12 drivers/iommu/iommufd/io_pagetable.c: iopt_set_dirty_tracking()
int iopt_set_dirty_tracking(io_pagetable& iopt, iommu_domain& domain, bool enable) {
  IOMMULAB_CALL(iopt.trace(), "iopt_set_dirty_tracking", {"domain", domain}, {"enable", enable});
  if (domain.dirty_ops == nullptr) return this_call.result(-EOPNOTSUPP);
  if (enable) {
    const int ret = iopt_clear_dirty_data(iopt, domain);
    if (ret != 0) return this_call.result(ret);
  }
  return this_call.result(domain.dirty_ops->set_dirty_tracking(domain, enable));
}

}  // namespace iommulab::v6_12
