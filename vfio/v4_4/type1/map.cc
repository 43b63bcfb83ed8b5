// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v4_4/type1/map.h"

#include <algorithm>

#include "vfio/v4_4/type1/pin.h"
#include "vfio/v4_4/type1/unmap.h"

namespace iommulab::v4_4 {
namespace {

uint64_t bytes_of_pages(int64_t npage) {
  return static_cast<uint64_t>(npage) << page_shift;
}

/// Page by page, for a driver that does not map large pages over tables.
/// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: map_try_harder()
int map_try_harder(vfio_iommu& iommu, vfio_domain& domain, uint64_t iova, uint64_t pfn,
                   int64_t npage, int prot) {
  IOMMULAB_CALL(trace_of(iommu), "map_try_harder", {"iova", iova}, {"pfn", pfn}, {"npage", npage},
                {"prot", prot});
  int64_t i = 0;
  int ret = 0;
  for (; i < npage && ret == 0; ++i) {
    ret =
        iommu_map(*domain.domain, dma_addr(iova + bytes_of_pages(i)),
                  phys_addr(pfn << page_shift) + bytes_of_pages(i), page_size, prot | domain.prot);
  }
  if (ret == 0) return this_call.result(0);
  // From the page that failed down to the second.
  for (--i; i > 0; --i) {
    iommu_unmap(*domain.domain, dma_addr(iova + bytes_of_pages(i)), page_size);
  }
  return this_call.result(ret);
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_map()
int vfio_iommu_map(vfio_iommu& iommu, uint64_t iova, uint64_t pfn, int64_t npage, int prot) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_map", {"iova", iova}, {"pfn", pfn}, {"npage", npage},
                {"prot", prot});
  const auto& domains = iommu.domain_list;
  for (auto at = domains.begin(); at != domains.end(); ++at) {
    vfio_domain& d = **at;
    const int ret = iommu_map(*d.domain, dma_addr(iova), phys_addr(pfn << page_shift),
                              bytes_of_pages(npage), prot | d.prot);
    if (ret == 0) continue;
    if (ret == -EBUSY && map_try_harder(iommu, d, iova, pfn, npage, prot) == 0) continue;
    while (at != domains.begin()) {
      iommu_unmap(*(*--at)->domain, dma_addr(iova), bytes_of_pages(npage));
    }
    return this_call.result(ret);
  }
  return this_call.result(0);
}

int check_request(vfio_iommu& iommu, const uapi::vfio_iommu_type1_dma_map& map, int& prot) {
  const uint64_t mask = pgsize_mask(iommu);
  if ((map.flags & uapi::vfio_dma_map_flag_write) != 0) prot |= iommu_write;
  if ((map.flags & uapi::vfio_dma_map_flag_read) != 0) prot |= iommu_read;
  if (prot == 0 || map.size == 0 || ((map.size | map.iova | map.vaddr) & mask) != 0) {
    return -EINVAL;
  }
  const bool wraps = map.iova + map.size - 1 < map.iova || map.vaddr + map.size - 1 < map.vaddr;
  return wraps ? -EINVAL : 0;
}

/// Run by run, each pinned and then mapped.
int map_runs(vfio_iommu& iommu, task_struct& current, vfio_dma& dma, uint64_t size) {
  while (size != 0) {
    uint64_t pfn = 0;
    const int64_t npage = vfio_pin_pages(iommu, current, dma.vaddr + dma.size,
                                         static_cast<int64_t>(size >> page_shift), dma.prot, pfn);
    if (npage <= 0) return static_cast<int>(npage);
    const int ret = vfio_iommu_map(iommu, dma.iova + dma.size, pfn, npage, dma.prot);
    if (ret != 0) {
      vfio_unpin_pages(iommu, pfn, npage, dma.prot, true);
      return ret;
    }
    size -= bytes_of_pages(npage);
    dma.size += bytes_of_pages(npage);
  }
  return 0;
}

/// One mapping, by the pages that `from` has for it.
int replay_dma(vfio_iommu& iommu, const vfio_domain& from, vfio_domain& domain,
               const vfio_dma& dma) {
  uint64_t iova = dma.iova;
  while (iova < dma.iova + dma.size) {
    const phys_addr phys = iommu_iova_to_phys(*from.domain, dma_addr(iova));
    if (phys == phys_addr()) {
      iommu.module.env.log.warn_on("vfio_iommu_replay");
      iova += page_size;
      continue;
    }
    uint64_t size = page_size;
    while (iova + size < dma.iova + dma.size &&
           phys + size == iommu_iova_to_phys(*from.domain, dma_addr(iova + size))) {
      size += page_size;
    }
    const int ret = iommu_map(*domain.domain, dma_addr(iova), phys, size, dma.prot | domain.prot);
    if (ret != 0) return ret;
    iova += size;
  }
  return 0;
}

}  // namespace

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_dma_do_map()
int vfio_dma_do_map(vfio_iommu& iommu, task_struct& current,
                    const uapi::vfio_iommu_type1_dma_map& map) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_dma_do_map", {"iova", map.iova}, {"vaddr", map.vaddr},
                {"size", map.size}, {"flags", map.flags});
  int prot = 0;
  int ret = check_request(iommu, map, prot);
  if (ret != 0) return this_call.result(ret);
  if (vfio_find_dma(iommu, map.iova, map.size) != nullptr) return this_call.result(-EEXIST);
  vfio_dma* const dma = kernel_new<vfio_dma>(iommu.module.slab).release();
  if (dma == nullptr) return this_call.result(-ENOMEM);
  dma->iova = map.iova;
  dma->vaddr = map.vaddr;
  dma->prot = prot;
  vfio_link_dma(iommu, *dma);
  ret = map_runs(iommu, current, *dma, map.size);
  if (ret != 0) vfio_remove_dma(iommu, *dma);
  return this_call.result(ret);
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_replay()
int vfio_iommu_replay(vfio_iommu& iommu, vfio_domain& domain) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_replay", {"domain", *domain.domain});
  if (iommu.domain_list.empty()) {
    if (iommu.dma_list.empty()) return this_call.result(0);
    iommu.module.env.log.warn_on("vfio_iommu_replay");
    return this_call.result(-EINVAL);
  }
  const vfio_domain& from = *iommu.domain_list.front();
  for (const vfio_dma& dma : iommu.dma_list) {
    const int ret = replay_dma(iommu, from, domain, dma);
    if (ret != 0) return this_call.result(ret);
  }
  return this_call.result(0);
}

}  // namespace iommulab::v4_4
