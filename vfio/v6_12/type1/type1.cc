// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/type1/type1.h"

#include <algorithm>

#include "vfio/uapi/vfio.h"
#include "vfio/v6_12/type1/external.h"
#include "vfio/v6_12/type1/groups.h"
#include "vfio/v6_12/type1/ioctls.h"
#include "vfio/v6_12/type1/iova_list.h"
#include "vfio/v6_12/type1/unmap.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_domains_have_enforce_cache_coherency()
int vfio_domains_have_enforce_cache_coherency(vfio_iommu& iommu) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_domains_have_enforce_cache_coherency",
                {"domains", iommu.domain_list.size()});
  const auto& list = iommu.domain_list;
  const bool all = std::all_of(list.begin(), list.end(),
                               [](const auto* d) { return d->enforce_cache_coherency; });
  return this_call.result(all ? 1 : 0);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_has_emulated()
bool vfio_iommu_has_emulated(vfio_iommu& iommu) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_has_emulated",
                {"groups", iommu.emulated_iommu_groups.size()});
  return this_call.result(!iommu.emulated_iommu_groups.empty());
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_check_extension()
int vfio_iommu_type1_check_extension(tracer& trace, vfio_iommu* iommu, uint64_t arg) {
  IOMMULAB_CALL(trace, "vfio_iommu_type1_check_extension", {"arg", arg});
  switch (arg) {
    case uapi::vfio_type1_iommu:
    case uapi::vfio_type1v2_iommu:
    case uapi::vfio_type1_nesting_iommu:
    case uapi::vfio_unmap_all:
      return this_call.result(1);
    case uapi::vfio_update_vaddr:
      return this_call.result(iommu != nullptr && !vfio_iommu_has_emulated(*iommu) ? 1 : 0);
    case uapi::vfio_dma_cc_iommu:
      if (iommu == nullptr) return this_call.result(0);
      return this_call.result(vfio_domains_have_enforce_cache_coherency(*iommu));
    default:
      return this_call.result(0);
  }
}

}  // namespace

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_update_pgsize_bitmap()
void vfio_update_pgsize_bitmap(vfio_iommu& iommu) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_update_pgsize_bitmap",
                {"domains", iommu.domain_list.size()});
  iommu.pgsize_bitmap = UINT64_MAX;
  for (const vfio_domain* each : iommu.domain_list) {
    iommu.pgsize_bitmap &= each->domain->pgsize_bitmap;
  }
  // Pinning is done by whole pages, whatever smaller ones the IOMMU has.
  if ((iommu.pgsize_bitmap & ~page_mask) == 0) return;
  iommu.pgsize_bitmap = (iommu.pgsize_bitmap & page_mask) | page_size;
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_init()
int vfio_iommu_type1::init() {
  return vfio_register_iommu_driver(module_, *this);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_cleanup()
void vfio_iommu_type1::cleanup() {
  vfio_unregister_iommu_driver(module_, *this);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_open()
vfio_iommu* vfio_iommu_type1::open(uint64_t arg, int& error) {
  IOMMULAB_CALL(module_.env.trace, "vfio_iommu_type1_open", {"arg", arg});
  kernel_ptr<vfio_iommu> iommu = kernel_new<vfio_iommu>(module_.slab, module_);
  error = iommu == nullptr ? -ENOMEM : 0;
  if (iommu == nullptr) return this_call.result(nullptr, error);
  if (arg != uapi::vfio_type1_iommu && arg != uapi::vfio_type1v2_iommu &&
      arg != uapi::vfio_type1_nesting_iommu) {
    error = -EINVAL;
    return this_call.result(nullptr, error);
  }
  iommu->nesting = arg == uapi::vfio_type1_nesting_iommu;
  iommu->v2 = arg != uapi::vfio_type1_iommu;
  iommu->dma_avail = module_.options.dma_entry_limit;
  iommu->pgsize_bitmap = page_mask;
  return this_call.result(iommu.release(), error);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_release()
void vfio_iommu_type1::release(vfio_iommu& iommu) {
  IOMMULAB_CALL(module_.env.trace, "vfio_iommu_type1_release",
                {"domains", iommu.domain_list.size()});
  for (vfio_iommu_group* each : iommu.emulated_iommu_groups) kernel_delete(module_.slab, each);
  iommu.emulated_iommu_groups.clear();
  vfio_iommu_unmap_unpin_all(iommu);
  for (vfio_domain* each : iommu.domain_list) {
    vfio_release_domain(iommu, *each);
    kernel_delete(module_.slab, each);
  }
  iommu.domain_list.clear();
  vfio_iommu_iova_free(iommu, iommu.iova_list);
  kernel_delete(module_.slab, &iommu);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_ioctl()
int64_t vfio_iommu_type1::ioctl(vfio_iommu* iommu, task_struct& current, uint32_t cmd,
                                uint64_t arg) {
  IOMMULAB_CALL(module_.env.trace, "vfio_iommu_type1_ioctl", {"cmd", cmd}, {"arg", arg});
  int ret = -ENOTTY;
  if (cmd == uapi::vfio_check_extension) {
    ret = vfio_iommu_type1_check_extension(module_.env.trace, iommu, arg);
  } else if (cmd == uapi::vfio_iommu_get_info) {
    ret = vfio_iommu_type1_get_info(*iommu, current, arg);
  } else if (cmd == uapi::vfio_iommu_map_dma) {
    ret = vfio_iommu_type1_map_dma(*iommu, current, arg);
  } else if (cmd == uapi::vfio_iommu_unmap_dma) {
    ret = vfio_iommu_type1_unmap_dma(*iommu, current, arg);
  } else if (cmd == uapi::vfio_iommu_dirty_pages) {
    ret = vfio_iommu_type1_dirty_pages(*iommu, current, arg);
  }
  return this_call.result(int64_t{ret});
}

int vfio_iommu_type1::attach_group(vfio_iommu& iommu, task_struct& current, iommu_group& group,
                                   vfio_group_type type) {
  return vfio_iommu_type1_attach_group(iommu, current, group, type);
}

void vfio_iommu_type1::detach_group(vfio_iommu& iommu, iommu_group& group) {
  vfio_iommu_type1_detach_group(iommu, group);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_register_device()
void vfio_iommu_type1::register_device(vfio_iommu& iommu, vfio_device& vdev) {
  IOMMULAB_CALL(module_.env.trace, "vfio_iommu_type1_register_device", {"vdev", vdev});
  if (vdev.ops->has_dma_unmap()) iommu.device_list.push_front(&vdev);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_unregister_device()
void vfio_iommu_type1::unregister_device(vfio_iommu& iommu, vfio_device& vdev) {
  IOMMULAB_CALL(module_.env.trace, "vfio_iommu_type1_unregister_device", {"vdev", vdev});
  if (vdev.ops->has_dma_unmap()) iommu.device_list.remove(&vdev);
}

int vfio_iommu_type1::pin_pages(vfio_iommu& iommu, iommu_group& group, uint64_t user_iova,
                                int npage, int prot, std::vector<phys_addr>& pages) {
  return vfio_iommu_type1_pin_pages(iommu, group, user_iova, npage, prot, pages);
}

void vfio_iommu_type1::unpin_pages(vfio_iommu& iommu, uint64_t user_iova, int npage) {
  vfio_iommu_type1_unpin_pages(iommu, user_iova, npage);
}

int vfio_iommu_type1::dma_rw(vfio_iommu& iommu, task_struct& current, uint64_t user_iova,
                             absl::Span<std::byte> data, bool write) {
  return vfio_iommu_type1_dma_rw(iommu, current, user_iova, data, write);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_group_iommu_domain()
iommu_domain* vfio_iommu_type1::group_iommu_domain(vfio_iommu* iommu, iommu_group* group,
                                                   int& error) {
  IOMMULAB_CALL(module_.env.trace, "vfio_iommu_type1_group_iommu_domain", {"iommu_group", group});
  error = iommu == nullptr || group == nullptr ? -EINVAL : -ENODEV;
  if (error == -EINVAL) return this_call.result(nullptr, error);
  for (const vfio_domain* each : iommu->domain_list) {
    if (find_iommu_group(*iommu, *each, *group) == nullptr) continue;
    error = 0;
    return this_call.result(each->domain);
  }
  return this_call.result(nullptr, error);
}

}  // namespace iommulab::v6_12
