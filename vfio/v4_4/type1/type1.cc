// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v4_4/type1/type1.h"

#include <algorithm>
#include <cstddef>

#include "vfio/process/uaccess.h"
#include "vfio/uapi/vfio.h"
#include "vfio/v4_4/type1/groups.h"
#include "vfio/v4_4/type1/map.h"
#include "vfio/v4_4/type1/unmap.h"
#include "vfio/v4_4/vfio/release.h"

namespace iommulab::v4_4 {
namespace {

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_domains_have_iommu_cache()
int vfio_domains_have_iommu_cache(const vfio_iommu& iommu) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_domains_have_iommu_cache");
  const auto& list = iommu.domain_list;
  const bool all = std::all_of(list.begin(), list.end(), [](const vfio_domain* each) {
    return (each->prot & iommu_cache) != 0;
  });
  return this_call.result(all ? 1 : 0);
}

int check_extension(const vfio_iommu* iommu, uint64_t arg) {
  switch (arg) {
    case uapi::vfio_type1_iommu:
    case uapi::vfio_type1v2_iommu:
    case uapi::vfio_type1_nesting_iommu:
      return 1;
    case uapi::vfio_dma_cc_iommu:
      return iommu == nullptr ? 0 : vfio_domains_have_iommu_cache(*iommu);
    default:
      return 0;
  }
}

template <typename T>
int64_t answer(const vfio_iommu& iommu, task_struct& current, uint64_t arg, const T& what,
               size_t minsz) {
  return iommu.module.release.answered(
      current.mm->copy_to_user(arg, bytes_of(what).subspan(0, minsz)));
}

/// What the structure had in 4.4: no capabilities behind it.
int64_t get_info(vfio_iommu& iommu, task_struct& current, uint64_t arg) {
  constexpr size_t minsz = offsetof(uapi::vfio_iommu_type1_info, cap_offset);
  uapi::vfio_iommu_type1_info info;
  if (copy_from_user(current, info, arg, minsz) != 0) return -EFAULT;
  if (info.argsz < minsz) return -EINVAL;
  info.flags = 0;
  info.iova_pgsizes = vfio_pgsize_bitmap(iommu);
  return answer(iommu, current, arg, info, minsz);
}

int map_dma(vfio_iommu& iommu, task_struct& current, uint64_t arg) {
  constexpr uint32_t known = uapi::vfio_dma_map_flag_read | uapi::vfio_dma_map_flag_write;
  uapi::vfio_iommu_type1_dma_map map;
  if (copy_from_user(current, map, arg) != 0) return -EFAULT;
  if (map.argsz < sizeof(map) || (map.flags & ~known) != 0) return -EINVAL;
  return vfio_dma_do_map(iommu, current, map);
}

int64_t unmap_dma(vfio_iommu& iommu, task_struct& current, uint64_t arg) {
  uapi::vfio_iommu_type1_dma_unmap unmap;
  if (copy_from_user(current, unmap, arg) != 0) return -EFAULT;
  if (unmap.argsz < sizeof(unmap) || unmap.flags != 0) return -EINVAL;
  const int ret = vfio_dma_do_unmap(iommu, unmap);
  return ret != 0 ? ret : answer(iommu, current, arg, unmap, sizeof(unmap));
}

}  // namespace

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_init()
int vfio_iommu_type1::init() {
  IOMMULAB_CALL(module_.env.trace, "vfio_iommu_type1_init");
  return this_call.result(vfio_register_iommu_driver(module_, *this));
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_cleanup()
void vfio_iommu_type1::cleanup() {
  IOMMULAB_CALL(module_.env.trace, "vfio_iommu_type1_cleanup");
  vfio_unregister_iommu_driver(module_, *this);
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_open()
vfio_iommu* vfio_iommu_type1::open(uint64_t arg, int& error) {
  IOMMULAB_CALL(module_.env.trace, "vfio_iommu_type1_open", {"arg", arg});
  kernel_ptr<vfio_iommu> iommu = kernel_new<vfio_iommu>(module_.slab, module_);
  error = -ENOMEM;
  if (iommu == nullptr) return this_call.result(nullptr, error);
  error = -EINVAL;
  iommu->nesting = arg == uapi::vfio_type1_nesting_iommu;
  iommu->v2 = iommu->nesting || arg == uapi::vfio_type1v2_iommu;
  if (!iommu->v2 && arg != uapi::vfio_type1_iommu) return this_call.result(nullptr, error);
  error = 0;
  return this_call.result(iommu.release(), error);
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_release()
void vfio_iommu_type1::release(vfio_iommu& iommu) {
  IOMMULAB_CALL(module_.env.trace, "vfio_iommu_type1_release");
  vfio_iommu_unmap_unpin_all(iommu);
  for (vfio_domain* each : iommu.domain_list) vfio_free_domain(iommu, *each);
  iommu.domain_list.clear();
  kernel_delete(module_.slab, &iommu);
}

// Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_ioctl()
int64_t vfio_iommu_type1::ioctl(vfio_iommu* iommu, task_struct& current, uint32_t cmd,
                                uint64_t arg) {
  IOMMULAB_CALL(module_.env.trace, "vfio_iommu_type1_ioctl", {"cmd", cmd}, {"arg", arg});
  switch (cmd) {
    case uapi::vfio_check_extension:
      return this_call.result(int64_t{check_extension(iommu, arg)});
    case uapi::vfio_iommu_get_info:
      return this_call.result(get_info(*iommu, current, arg));
    case uapi::vfio_iommu_map_dma:
      return this_call.result(int64_t{map_dma(*iommu, current, arg)});
    case uapi::vfio_iommu_unmap_dma:
      return this_call.result(unmap_dma(*iommu, current, arg));
    default:
      return this_call.result(int64_t{-ENOTTY});
  }
}

int vfio_iommu_type1::attach_group(vfio_iommu& iommu, iommu_group& group) {
  return vfio_iommu_type1_attach_group(iommu, group);
}

void vfio_iommu_type1::detach_group(vfio_iommu& iommu, iommu_group& group) {
  vfio_iommu_type1_detach_group(iommu, group);
}

}  // namespace iommulab::v4_4
