// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v4_4/type1/unmap.h"

#include <iterator>

#include "vfio/v4_4/type1/pin.h"
#include "vfio/v4_4/vfio/release.h"

namespace iommulab::v4_4 {
namespace {

/// How far memory goes on side by side from `phys` on, up to `end`: one unmap is one flush.
uint64_t contiguous_length(const vfio_domain& domain, uint64_t iova, phys_addr phys, uint64_t end) {
  uint64_t len = page_size;
  while (!domain.fgsp && iova + len < end &&
         iommu_iova_to_phys(*domain.domain, dma_addr(iova + len)) == phys + len) {
    len += page_size;
  }
  return len;
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_unmap_unpin()
void vfio_unmap_unpin(vfio_iommu& iommu, vfio_dma& dma) {
  environment& env = iommu.module.env;
  IOMMULAB_CALL(env.trace, "vfio_unmap_unpin", {"dma", dma.iova});
  if (dma.size == 0) return;
  const auto& domains = iommu.domain_list;
  vfio_domain& domain = *domains.front();
  for (auto d = std::next(domains.begin()); d != domains.end(); ++d) {
    iommu_unmap(*(*d)->domain, dma_addr(dma.iova), dma.size);
  }
  uint64_t iova = dma.iova;
  const uint64_t end = dma.iova + dma.size;
  int64_t unlocked = 0;
  while (iova < end) {
    const phys_addr phys = iommu_iova_to_phys(*domain.domain, dma_addr(iova));
    if (phys == phys_addr()) {
      env.log.warn_on("vfio_unmap_unpin");
      iova += page_size;
      continue;
    }
    const uint64_t len = contiguous_length(domain, iova, phys, end);
    const uint64_t unmapped = iommu_unmap(*domain.domain, dma_addr(iova), len);
    if (unmapped == 0) {
      env.log.warn_on("vfio_unmap_unpin");
      break;
    }
    unlocked += vfio_unpin_pages(iommu, phys.value() >> page_shift,
                                 static_cast<int64_t>(unmapped >> page_shift), dma.prot, false);
    iova += unmapped;
  }
  iommu.module.release.vfio_lock_acct(iommu.module, nullptr, -unlocked, nullptr);
}

/// Of the second version: a request has to begin and end where mappings do.
bool cuts_mapping(vfio_iommu& iommu, const uapi::vfio_iommu_type1_dma_unmap& unmap) {
  const vfio_dma* dma = vfio_find_dma(iommu, unmap.iova, 0);
  if (dma != nullptr && dma->iova != unmap.iova) return true;
  const uint64_t end = unmap.iova + unmap.size;
  dma = vfio_find_dma(iommu, end - 1, 0);
  return dma != nullptr && dma->iova + dma->size != end;
}

}  // namespace

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_remove_dma()
void vfio_remove_dma(vfio_iommu& iommu, vfio_dma& dma) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_remove_dma", {"dma", dma.iova});
  vfio_unmap_unpin(iommu, dma);
  vfio_unlink_dma(iommu, dma);
  kernel_delete(iommu.module.slab, &dma);
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_dma_do_unmap()
int vfio_dma_do_unmap(vfio_iommu& iommu, uapi::vfio_iommu_type1_dma_unmap& unmap) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_dma_do_unmap", {"iova", unmap.iova}, {"size", unmap.size});
  const uint64_t mask = pgsize_mask(iommu);
  if ((unmap.iova & mask) != 0 || unmap.size == 0 || (unmap.size & mask) != 0) {
    return this_call.result(-EINVAL);
  }
  uint64_t unmapped = 0;
  int ret = 0;
  if (iommu.v2 && cuts_mapping(iommu, unmap)) ret = -EINVAL;
  while (ret == 0) {
    vfio_dma* const dma = vfio_find_dma(iommu, unmap.iova, unmap.size);
    // The first version unmaps a mapping whole, and only from its beginning.
    if (dma == nullptr || (!iommu.v2 && unmap.iova > dma->iova)) break;
    unmapped += dma->size;
    vfio_remove_dma(iommu, *dma);
  }
  unmap.size = unmapped;
  return this_call.result(ret);
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_unmap_unpin_all()
void vfio_iommu_unmap_unpin_all(vfio_iommu& iommu) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_unmap_unpin_all");
  while (!iommu.dma_list.empty()) vfio_remove_dma(iommu, *iommu.dma_list.begin());
}

}  // namespace iommulab::v4_4
