// SPDX-License-Identifier: GPL-2.0-only
//
// A group leaves. Linux v6.12 drivers/vfio/vfio_iommu_type1.c.
#include <algorithm>

#include "vfio/v6_12/type1/dirty_bitmap.h"
#include "vfio/v6_12/type1/groups.h"
#include "vfio/v6_12/type1/iova_list.h"
#include "vfio/v6_12/type1/unmap.h"

namespace iommulab::v6_12 {
namespace {

void warn_of_devices(const vfio_iommu& iommu) {
  if (!iommu.device_list.empty()) iommu.module.env.log.warn_on("vfio_iommu_type1_detach_group");
}

/// Whether the group is one of devices that do no DMA, and then what it says of dirty pages.
bool detach_emulated(vfio_iommu& iommu, const iommu_group& group, bool& update_dirty_scope) {
  auto& list = iommu.emulated_iommu_groups;
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&group](const auto* g) { return g->group == &group; });
  if (found == list.end()) return false;
  update_dirty_scope = !(*found)->pinned_page_dirty_scope;
  kernel_delete(iommu.module.slab, *found);
  list.erase(found);
  if (list.empty() && iommu.domain_list.empty()) {
    warn_of_devices(iommu);
    vfio_iommu_unmap_unpin_all(iommu);
  }
  return true;
}

/// A domain without groups goes, and what is mapped with the last one.
void free_empty_domain(vfio_iommu& iommu, vfio_domain& domain, vfio_iova_list& iova_copy) {
  if (iommu.domain_list.size() == 1) {
    if (iommu.emulated_iommu_groups.empty()) {
      warn_of_devices(iommu);
      vfio_iommu_unmap_unpin_all(iommu);
    } else {
      vfio_iommu_unmap_unpin_reaccount(iommu);
    }
  }
  iommu_domain_free(*domain.domain);
  iommu.domain_list.remove(&domain);
  kernel_delete(iommu.module.slab, &domain);
  vfio_iommu_aper_expand(iommu, iova_copy);
  vfio_update_pgsize_bitmap(iommu);
}

void detach_from_domain(vfio_iommu& iommu, iommu_group& group, bool& update_dirty_scope,
                        vfio_iova_list& iova_copy) {
  for (vfio_domain* domain : iommu.domain_list) {
    vfio_iommu_group* const member = find_iommu_group(iommu, *domain, group);
    if (member == nullptr) continue;
    iommu_detach_group(*domain->domain, group);
    update_dirty_scope = !member->pinned_page_dirty_scope;
    domain->group_list.remove(member);
    kernel_delete(iommu.module.slab, member);
    if (domain->group_list.empty()) free_empty_domain(iommu, *domain, iova_copy);
    break;
  }
}

}  // namespace

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_detach_group()
void vfio_iommu_type1_detach_group(vfio_iommu& iommu, iommu_group& group) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_type1_detach_group", {"iommu_group", group});
  bool update_dirty_scope = false;
  if (!detach_emulated(iommu, group, update_dirty_scope)) {
    // Without memory for a copy the list stays as it is.
    vfio_iova_list iova_copy;
    vfio_iommu_iova_get_copy(iommu, iova_copy);
    detach_from_domain(iommu, group, update_dirty_scope, iova_copy);
    if (vfio_iommu_resv_refresh(iommu, iova_copy) == 0) {
      vfio_iommu_iova_insert_copy(iommu, iova_copy);
    } else {
      vfio_iommu_iova_free(iommu, iova_copy);
    }
  }
  if (!update_dirty_scope) return;
  --iommu.num_non_pinned_groups;
  // What the group has written to, nobody can tell any more.
  if (iommu.dirty_page_tracking) vfio_iommu_populate_bitmap_full(iommu);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_release_domain()
void vfio_release_domain(vfio_iommu& iommu, vfio_domain& domain) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_release_domain", {"domain", *domain.domain});
  for (vfio_iommu_group* each : domain.group_list) {
    iommu_detach_group(*domain.domain, *each->group);
    kernel_delete(iommu.module.slab, each);
  }
  domain.group_list.clear();
  iommu_domain_free(*domain.domain);
}

}  // namespace iommulab::v6_12
