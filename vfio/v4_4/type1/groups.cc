// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v4_4/type1/groups.h"

#include <algorithm>
#include <utility>

#include "vfio/v4_4/type1/map.h"
#include "vfio/v4_4/type1/unmap.h"

namespace iommulab::v4_4 {
namespace {

constexpr const char* no_interrupt_remapping =
    "vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param "
    "\"allow_unsafe_interrupts\" to enable VFIO IOMMU support on this platform";

vfio_type1_group* find_member(const vfio_domain& domain, const iommu_group& iommu_group) {
  const auto& list = domain.group_list;
  const auto found = std::find_if(list.begin(), list.end(), [&iommu_group](const auto* each) {
    return each->iommu_group == &iommu_group;
  });
  return found == list.end() ? nullptr : *found;
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_bus_type()
int vfio_bus_type(vfio_iommu& iommu, device& dev, bus_type*& bus) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_bus_type", {"dev", dev});
  if (bus != nullptr && bus != dev.bus) return this_call.result(-EINVAL);
  bus = dev.bus;
  return this_call.result(0);
}

/// Whether a driver makes one large page of whatever lies side by side: then half of it cannot be
/// unmapped alone. Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_test_domain_fgsp()
void vfio_test_domain_fgsp(vfio_iommu& iommu, vfio_domain& domain) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_test_domain_fgsp", {"domain", *domain.domain});
  constexpr unsigned order = 1;
  page_allocator& allocator = iommu.module.pages.allocator();
  const auto pages = allocator.alloc_pages(order, gfp_kernel | gfp_zero);
  if (!pages) return;
  const int ret = iommu_map(*domain.domain, dma_addr(0), *pages, 2 * page_size,
                            iommu_read | iommu_write | domain.prot);
  if (ret == 0) {
    const uint64_t unmapped = iommu_unmap(*domain.domain, dma_addr(0), page_size);
    if (unmapped == page_size) {
      iommu_unmap(*domain.domain, dma_addr(page_size), page_size);
    } else {
      domain.fgsp = true;
    }
  }
  allocator.free_pages(*pages, order);
}

/// A group on its way into the container.
struct joining {
  vfio_iommu& iommu;
  vfio_type1_group& group;
  vfio_domain& domain;  ///< its own
  const bus_type& bus;
  bool attached = false;  ///< to `domain`
  bool shares_domain = false;
};

/// Into an older domain of the same kind, if there is one.
int move_to_older_domain(joining& j) {
  for (vfio_domain* d : j.iommu.domain_list) {
    if (d->domain->ops != j.domain.domain->ops || d->prot != j.domain.prot) continue;
    iommu_detach_group(*j.domain.domain, *j.group.iommu_group);
    j.attached = false;
    if (iommu_attach_group(*d->domain, *j.group.iommu_group) == 0) {
      d->group_list.push_front(&j.group);
      j.shares_domain = true;
      return 0;
    }
    const int ret = iommu_attach_group(*j.domain.domain, *j.group.iommu_group);
    if (ret != 0) return ret;
    j.attached = true;
  }
  return 0;
}

int join(joining& j) {
  // No driver here has an attribute for nesting.
  if (j.iommu.nesting) return -EINVAL;
  int ret = iommu_attach_group(*j.domain.domain, *j.group.iommu_group);
  if (ret != 0) return ret;
  j.attached = true;
  vfio_module& module = j.iommu.module;
  if (!module.options.allow_unsafe_interrupts && !iommu_capable(j.bus, iommu_cap::intr_remap)) {
    module.env.log.print(log_level::warning, no_interrupt_remapping);
    return -EPERM;
  }
  if (iommu_capable(j.bus, iommu_cap::cache_coherency)) j.domain.prot |= iommu_cache;
  ret = move_to_older_domain(j);
  if (ret != 0 || j.shares_domain) return ret;
  vfio_test_domain_fgsp(j.iommu, j.domain);
  ret = vfio_iommu_replay(j.iommu, j.domain);
  if (ret != 0) return ret;
  j.domain.group_list.push_front(&j.group);
  j.iommu.domain_list.push_front(&j.domain);
  return 0;
}

}  // namespace

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_attach_group()
int vfio_iommu_type1_attach_group(vfio_iommu& iommu, iommu_group& iommu_group) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_type1_attach_group", {"iommu_group", iommu_group});
  for (const vfio_domain* d : iommu.domain_list) {
    if (find_member(*d, iommu_group) != nullptr) return this_call.result(-EINVAL);
  }
  slab_failures& slab = iommu.module.slab;
  kernel_ptr<vfio_type1_group> group = kernel_new<vfio_type1_group>(slab);
  kernel_ptr<vfio_domain> domain = kernel_new<vfio_domain>(slab);
  if (group == nullptr || domain == nullptr) return this_call.result(-ENOMEM);
  group->iommu_group = &iommu_group;
  bus_type* bus = nullptr;
  int ret = iommu_group_for_each_dev(iommu_group,
                                     [&](device& dev) { return vfio_bus_type(iommu, dev, bus); });
  if (ret != 0) return this_call.result(ret);
  domain->domain = bus == nullptr ? nullptr : iommu_domain_alloc(*bus);
  if (domain->domain == nullptr) return this_call.result(-EIO);
  joining j{iommu, *group, *domain, *bus};
  ret = join(j);
  if (ret != 0) {
    if (j.attached) iommu_detach_group(*domain->domain, iommu_group);
    iommu_domain_free(*domain->domain);
    return this_call.result(ret);
  }
  group.release();
  if (j.shares_domain) {
    iommu_domain_free(*domain->domain);
  } else {
    domain.release();
  }
  return this_call.result(0);
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_detach_group()
void vfio_iommu_type1_detach_group(vfio_iommu& iommu, iommu_group& iommu_group) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_type1_detach_group", {"iommu_group", iommu_group});
  for (vfio_domain* domain : iommu.domain_list) {
    vfio_type1_group* const group = find_member(*domain, iommu_group);
    if (group == nullptr) continue;
    iommu_detach_group(*domain->domain, iommu_group);
    domain->group_list.remove(group);
    kernel_delete(iommu.module.slab, group);
    if (!domain->group_list.empty()) return;
    if (iommu.domain_list.size() == 1) vfio_iommu_unmap_unpin_all(iommu);
    iommu.domain_list.remove(domain);
    vfio_free_domain(iommu, *domain);
    return;
  }
}

void vfio_free_domain(vfio_iommu& iommu, vfio_domain& domain) {
  for (vfio_type1_group* each : domain.group_list) {
    iommu_detach_group(*domain.domain, *each->iommu_group);
    kernel_delete(iommu.module.slab, each);
  }
  iommu_domain_free(*domain.domain);
  kernel_delete(iommu.module.slab, &domain);
}

}  // namespace iommulab::v4_4
