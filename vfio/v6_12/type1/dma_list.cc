// SPDX-License-Identifier: GPL-2.0-only
//
// Mappings and pinned pages by address. Linux v6.12 drivers/vfio/vfio_iommu_type1.c: its red-black
// trees are ordered maps here.
#include <iterator>

#include "vfio/v6_12/type1/pin.h"
#include "vfio/v6_12/type1/vfio_iommu.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_link_pfn()
void vfio_link_pfn(vfio_iommu& iommu, vfio_dma& dma, vfio_pfn& vpfn) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_link_pfn", {"iova", vpfn.iova});
  dma.pfn_list[vpfn.iova] = &vpfn;
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_unlink_pfn()
void vfio_unlink_pfn(vfio_iommu& iommu, vfio_dma& dma, const vfio_pfn& old) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_unlink_pfn", {"iova", old.iova});
  dma.pfn_list.erase(old.iova);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_remove_from_pfn_list()
void vfio_remove_from_pfn_list(vfio_iommu& iommu, vfio_dma& dma, vfio_pfn& vpfn) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_remove_from_pfn_list", {"iova", vpfn.iova});
  vfio_unlink_pfn(iommu, dma, vpfn);
  kernel_delete(iommu.module.slab, &vpfn);
}

}  // namespace

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_find_dma()
vfio_dma* vfio_find_dma(vfio_iommu& iommu, uint64_t start, uint64_t size) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_find_dma", {"start", start}, {"size", size});
  // The last that begins before the end; those before it end earlier.
  const auto after = iommu.dma_list.lower_bound(start + size);
  if (after == iommu.dma_list.begin()) return this_call.result(nullptr);
  vfio_dma* const dma = std::prev(after)->second;
  if (start >= dma->iova + dma->size) return this_call.result(nullptr);
  return this_call.result(dma, dma->iova);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_find_dma_first_node()
vfio_dma_position vfio_find_dma_first_node(vfio_iommu& iommu, uint64_t start, uint64_t size) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_find_dma_first_node", {"start", start}, {"size", size});
  const auto none = iommu.dma_list.end();
  auto first = iommu.dma_list.upper_bound(start);
  if (first != iommu.dma_list.begin()) {
    const auto before = std::prev(first);
    if (start < before->first + before->second->size) first = before;
  }
  if (first != none && size != 0 && first->first >= start + size) first = none;
  if (first == none) return this_call.result(first, nullptr);
  return this_call.result(first, first->first);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_link_dma()
void vfio_link_dma(vfio_iommu& iommu, vfio_dma& dma) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_link_dma", {"iova", dma.iova});
  iommu.dma_list[dma.iova] = &dma;
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_unlink_dma()
void vfio_unlink_dma(vfio_iommu& iommu, vfio_dma& dma) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_unlink_dma", {"iova", dma.iova});
  iommu.dma_list.erase(dma.iova);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_find_vpfn()
vfio_pfn* vfio_find_vpfn(vfio_iommu& iommu, const vfio_dma& dma, uint64_t iova) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_find_vpfn", {"dma", dma.iova}, {"iova", iova});
  const auto found = dma.pfn_list.find(iova);
  if (found == dma.pfn_list.end()) return this_call.result(nullptr);
  return this_call.result(found->second, found->second->pfn);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_add_to_pfn_list()
int vfio_add_to_pfn_list(vfio_iommu& iommu, vfio_dma& dma, uint64_t iova, uint64_t pfn) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_add_to_pfn_list", {"dma", dma.iova}, {"iova", iova},
                {"pfn", pfn});
  vfio_pfn* const vpfn = kernel_new<vfio_pfn>(iommu.module.slab).release();
  if (vpfn == nullptr) return this_call.result(-ENOMEM);
  *vpfn = {.iova = iova, .pfn = pfn, .ref_count = 1};
  vfio_link_pfn(iommu, dma, *vpfn);
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iova_get_vfio_pfn()
vfio_pfn* vfio_iova_get_vfio_pfn(vfio_iommu& iommu, vfio_dma& dma, uint64_t iova) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iova_get_vfio_pfn", {"dma", dma.iova}, {"iova", iova});
  vfio_pfn* const vpfn = vfio_find_vpfn(iommu, dma, iova);
  if (vpfn == nullptr) return this_call.result(nullptr);
  ++vpfn->ref_count;
  return this_call.result(vpfn, vpfn->pfn);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iova_put_vfio_pfn()
int vfio_iova_put_vfio_pfn(vfio_iommu& iommu, vfio_dma& dma, vfio_pfn& vpfn) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iova_put_vfio_pfn", {"dma", dma.iova}, {"iova", vpfn.iova});
  if (--vpfn.ref_count != 0) return this_call.result(0);
  const int ret = put_pfn(iommu, vpfn.pfn, dma.prot);
  vfio_remove_from_pfn_list(iommu, dma, vpfn);
  return this_call.result(ret);
}

}  // namespace iommulab::v6_12
