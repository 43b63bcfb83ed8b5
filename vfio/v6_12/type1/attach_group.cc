// SPDX-License-Identifier: GPL-2.0-only
//
// A group joins. Linux v6.12 drivers/vfio/vfio_iommu_type1.c.
#include <algorithm>
#include <optional>
#include <vector>

#include "vfio/v6_12/type1/groups.h"
#include "vfio/v6_12/type1/iova_list.h"
#include "vfio/v6_12/type1/map.h"

namespace iommulab::v6_12 {
namespace {

constexpr const char* no_interrupt_remapping =
    "vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param "
    "\"allow_unsafe_interrupts\" to enable VFIO IOMMU support on this platform";

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_domain_alloc()
int vfio_iommu_domain_alloc(vfio_iommu& iommu, device& dev, iommu_domain*& domain, int& error) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_domain_alloc", {"dev", dev});
  domain = iommu_paging_domain_alloc(dev, error);
  return this_call.result(1);
}

/// No unit here has such domains. Linux v6.12 drivers/iommu/iommu.c: iommu_enable_nesting()
int iommu_enable_nesting(vfio_iommu& iommu, const iommu_domain& domain) {
  IOMMULAB_CALL(trace_of(iommu), "iommu_enable_nesting", {"domain", domain});
  return this_call.result(-EINVAL);
}

/// A domain whose unit makes a large page of whatever lies side by side: it cannot unmap half of
/// two pages that were mapped together. Then runs need not be looked for when something is
/// unmapped. Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_test_domain_fgsp()
void vfio_test_domain_fgsp(vfio_iommu& iommu, vfio_domain& domain, const vfio_iova_list& regions) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_test_domain_fgsp", {"domain", *domain.domain});
  constexpr uint64_t size = 2 * page_size;
  page_allocator& allocator = iommu.module.pages.allocator();
  const std::optional<phys_addr> pages = allocator.alloc_pages(1, gfp_kernel | gfp_zero);
  if (!pages) return;
  for (const vfio_iova& region : regions) {
    const uint64_t start = (region.start + size - 1) & ~(size - 1);
    if (start >= region.end || region.end - start < size) continue;
    if (iommu_map(*domain.domain, dma_addr(start), *pages, size,
                  iommu_read | iommu_write | iommu_cache) == 0) {
      if (iommu_unmap(*domain.domain, dma_addr(start), page_size) == page_size) {
        iommu_unmap(*domain.domain, dma_addr(start + page_size), page_size);
      } else {
        domain.fgsp = true;
      }
    }
    break;
  }
  allocator.free_pages(*pages, 1);
}

/// A group on its way into the container.
struct joining {
  vfio_iommu& iommu;
  task_struct& current;
  vfio_iommu_group& group;
  vfio_domain& domain;  ///< its own, as long as it is `attached` to it
  vfio_iova_list iova_copy;
  std::vector<iommu_resv_region> resv_regions;
  bool attached = false;
  bool shares_domain = false;
};

/// The addresses that are left with this group, in iova_copy.
int take_addresses(joining& j) {
  const iommu_domain_geometry& geo = j.domain.domain->geometry;
  const uint64_t start = geo.aperture_start.value();
  const uint64_t end = geo.aperture_end.value();
  if (vfio_iommu_aper_conflict(j.iommu, start, end)) return -EINVAL;
  int ret = iommu_get_group_resv_regions(*j.group.group, j.resv_regions);
  if (ret != 0) return ret;
  if (vfio_iommu_resv_conflict(j.iommu, j.resv_regions)) return -EINVAL;
  ret = vfio_iommu_iova_get_copy(j.iommu, j.iova_copy);
  if (ret != 0) return ret;
  ret = vfio_iommu_aper_resize(j.iommu, j.iova_copy, start, end);
  if (ret != 0) return ret;
  return vfio_iommu_resv_exclude(j.iommu, j.iova_copy, j.resv_regions);
}

/// Into an older domain of the same kind, if there is one.
int move_to_older_domain(joining& j) {
  for (vfio_domain* d : j.iommu.domain_list) {
    if (d->domain->ops != j.domain.domain->ops ||
        d->enforce_cache_coherency != j.domain.enforce_cache_coherency) {
      continue;
    }
    iommu_detach_group(*j.domain.domain, *j.group.group);
    j.attached = false;
    if (iommu_attach_group(*d->domain, *j.group.group) == 0) {
      d->group_list.push_front(&j.group);
      j.shares_domain = true;
      return 0;
    }
    const int ret = iommu_attach_group(*j.domain.domain, *j.group.group);
    if (ret != 0) return ret;
    j.attached = true;
  }
  return 0;
}

/// The domain becomes one of the container's, with all mappings.
int add_domain(joining& j) {
  vfio_test_domain_fgsp(j.iommu, j.domain, j.iova_copy);
  const int ret = vfio_iommu_replay(j.iommu, j.current, j.domain);
  if (ret != 0) return ret;
  // What asks for mapped messages gets a cookie for them in the kernel. No unit here asks.
  j.iommu.domain_list.push_front(&j.domain);
  vfio_update_pgsize_bitmap(j.iommu);
  return 0;
}

int join(joining& j) {
  if (j.iommu.nesting) {
    const int ret = iommu_enable_nesting(j.iommu, *j.domain.domain);
    if (ret != 0) return ret;
  }
  int ret = iommu_attach_group(*j.domain.domain, *j.group.group);
  if (ret != 0) return ret;
  j.attached = true;
  ret = take_addresses(j);
  if (ret != 0) return ret;
  phys_addr resv_msi_base;
  vfio_iommu_has_sw_msi(j.iommu, j.resv_regions, resv_msi_base);
  if (!j.iommu.module.options.allow_unsafe_interrupts &&
      !iommu_group_has_isolated_msi(*j.group.group)) {
    j.iommu.module.env.log.print(log_level::warning, no_interrupt_remapping);
    return -EPERM;
  }
  j.domain.enforce_cache_coherency =
      j.domain.domain->ops->enforce_cache_coherency(*j.domain.domain);
  ret = move_to_older_domain(j);
  if (ret != 0 || j.shares_domain) return ret;
  ret = add_domain(j);
  if (ret == 0) j.domain.group_list.push_front(&j.group);
  return ret;
}

}  // namespace

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: find_iommu_group()
vfio_iommu_group* find_iommu_group(vfio_iommu& iommu, const vfio_domain& domain,
                                   const iommu_group& group) {
  IOMMULAB_CALL(trace_of(iommu), "find_iommu_group", {"domain", *domain.domain},
                {"iommu_group", group});
  const auto& list = domain.group_list;
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&group](const auto* g) { return g->group == &group; });
  if (found == list.end()) return this_call.result(nullptr);
  return this_call.result(*found, group);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_find_iommu_group()
vfio_iommu_group* vfio_iommu_find_iommu_group(vfio_iommu& iommu, const iommu_group& group) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_find_iommu_group", {"iommu_group", group});
  for (const vfio_domain* each : iommu.domain_list) {
    vfio_iommu_group* const found = find_iommu_group(iommu, *each, group);
    if (found != nullptr) return this_call.result(found, group);
  }
  for (vfio_iommu_group* each : iommu.emulated_iommu_groups) {
    if (each->group == &group) return this_call.result(each, group);
  }
  return this_call.result(nullptr);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_attach_group()
int vfio_iommu_type1_attach_group(vfio_iommu& iommu, task_struct& current, iommu_group& group,
                                  vfio_group_type type) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_type1_attach_group", {"iommu_group", group},
                {"type", type});
  slab_failures& slab = iommu.module.slab;
  // To join may mean to pin, and there is nothing to pin by while addresses are void.
  if (iommu.vaddr_invalid_count != 0) return this_call.result(-EBUSY);
  if (vfio_iommu_find_iommu_group(iommu, group) != nullptr) return this_call.result(-EINVAL);
  kernel_ptr<vfio_iommu_group> member = kernel_new<vfio_iommu_group>(slab);
  if (member == nullptr) return this_call.result(-ENOMEM);
  member->group = &group;
  if (type == vfio_group_type::emulated_iommu) {
    member->pinned_page_dirty_scope = true;
    iommu.emulated_iommu_groups.push_front(member.release());
    return this_call.result(0);
  }
  kernel_ptr<vfio_domain> domain = kernel_new<vfio_domain>(slab);
  if (domain == nullptr) return this_call.result(-ENOMEM);
  int error = 0;
  iommu_group_for_each_dev(group, [&](device& dev) {
    return vfio_iommu_domain_alloc(iommu, dev, domain->domain, error);
  });
  if (domain->domain == nullptr) return this_call.result(error);
  joining j{iommu, current, *member, *domain, {}, {}};
  const int ret = join(j);
  if (ret != 0) {
    if (j.attached) iommu_detach_group(*domain->domain, group);
    iommu_domain_free(*domain->domain);
    vfio_iommu_iova_free(iommu, j.iova_copy);
    vfio_iommu_resv_free(iommu, j.resv_regions);
    return this_call.result(ret);
  }
  member.release();
  if (j.shares_domain) {
    iommu_domain_free(*domain->domain);
  } else {
    domain.release();
  }
  vfio_iommu_iova_insert_copy(iommu, j.iova_copy);
  ++iommu.num_non_pinned_groups;
  vfio_iommu_resv_free(iommu, j.resv_regions);
  return this_call.result(0);
}

}  // namespace iommulab::v6_12
