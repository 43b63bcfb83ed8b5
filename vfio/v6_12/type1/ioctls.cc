// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/type1/ioctls.h"

#include <algorithm>
#include <cstring>

#include "vfio/process/uaccess.h"
#include "vfio/uapi/vfio.h"
#include "vfio/v6_12/type1/dirty_bitmap.h"
#include "vfio/v6_12/type1/map.h"
#include "vfio/v6_12/type1/unmap.h"
#include "vfio/v6_12/vfio/info_cap.h"

namespace iommulab::v6_12 {
namespace {

/// Linux v6.12 arch/x86/include/asm/uaccess_64.h: access_ok()
bool access_ok(uint64_t address, uint64_t size) {
  return address + size >= address && address + size <= task_size_max;
}

// ---- VFIO_IOMMU_GET_INFO

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_iova_add_cap()
int vfio_iommu_iova_add_cap(vfio_iommu& iommu, vfio_info_cap& caps, size_t size) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_iova_add_cap", {"size", size});
  const std::optional<size_t> at =
      vfio_info_cap_add(iommu.module, caps, size, uapi::vfio_iommu_type1_info_cap_iova_range, 1);
  if (!at) return this_call.result(-ENOMEM);
  std::byte* to = caps.buf.data() + *at;
  uapi::vfio_iommu_type1_info_cap_iova_range_data cap;
  std::memcpy(&cap.header, to, sizeof(cap.header));
  cap.nr_iovas = static_cast<uint32_t>(iommu.iova_list.size());
  std::memcpy(to, &cap, sizeof(cap));
  to += sizeof(cap);
  for (const vfio_iova& each : iommu.iova_list) {
    const uapi::vfio_iova_range range{each.start, each.end};
    std::memcpy(to, &range, sizeof(range));
    to += sizeof(range);
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_iova_build_caps()
int vfio_iommu_iova_build_caps(vfio_iommu& iommu, vfio_info_cap& caps) {
  const size_t iovas = iommu.iova_list.size();
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_iova_build_caps", {"iovas", iovas});
  if (iovas == 0) return this_call.result(0);
  const slab_token cap_iovas(iommu.module.slab);
  if (!cap_iovas) return this_call.result(-ENOMEM);
  return this_call.result(
      vfio_iommu_iova_add_cap(iommu, caps,
                              sizeof(uapi::vfio_iommu_type1_info_cap_iova_range_data) +
                                  iovas * sizeof(uapi::vfio_iova_range)));
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_migration_build_caps()
int vfio_iommu_migration_build_caps(vfio_iommu& iommu, vfio_info_cap& caps) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_migration_build_caps",
                {"pgsize_bitmap", iommu.pgsize_bitmap});
  uapi::vfio_iommu_type1_info_cap_migration_data cap;
  cap.header = {.id = uapi::vfio_iommu_type1_info_cap_migration, .version = 1};
  cap.pgsize_bitmap = pgsize_of(iommu);
  cap.max_dirty_bitmap_size = dirty_bitmap_size_max;
  return this_call.result(
      vfio_info_add_capability(iommu.module, caps, bytes_of(std::as_const(cap))));
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_dma_avail_build_caps()
int vfio_iommu_dma_avail_build_caps(vfio_iommu& iommu, vfio_info_cap& caps) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_dma_avail_build_caps", {"avail", iommu.dma_avail});
  uapi::vfio_iommu_type1_info_dma_avail_data cap;
  cap.header = {.id = uapi::vfio_iommu_type1_info_dma_avail, .version = 1};
  cap.avail = iommu.dma_avail;
  return this_call.result(
      vfio_info_add_capability(iommu.module, caps, bytes_of(std::as_const(cap))));
}

int build_caps(vfio_iommu& iommu, vfio_info_cap& caps) {
  int ret = vfio_iommu_migration_build_caps(iommu, caps);
  if (ret == 0) ret = vfio_iommu_dma_avail_build_caps(iommu, caps);
  if (ret == 0) ret = vfio_iommu_iova_build_caps(iommu, caps);
  return ret;
}

// ---- VFIO_IOMMU_DIRTY_PAGES

int start_dirty_pages(vfio_iommu& iommu) {
  if (iommu.dirty_page_tracking) return 0;
  const int ret = vfio_dma_bitmap_alloc_all(iommu, pgsize_of(iommu));
  if (ret == 0) iommu.dirty_page_tracking = true;
  return ret;
}

int stop_dirty_pages(vfio_iommu& iommu) {
  if (!iommu.dirty_page_tracking) return 0;
  iommu.dirty_page_tracking = false;
  vfio_dma_bitmap_free_all(iommu);
  return 0;
}

int get_dirty_pages(vfio_iommu& iommu, task_struct& current, uint64_t arg, uint64_t data_size) {
  uapi::vfio_iommu_type1_dirty_bitmap_get range;
  if (data_size < sizeof(range)) return -EINVAL;
  if (copy_from_user(current, range, arg) != 0) return -EFAULT;
  if (range.iova + range.size < range.iova) return -EINVAL;
  if (!access_ok(range.bitmap.data, range.bitmap.size)) return -EINVAL;
  const unsigned pgshift = ffs_of(range.bitmap.pgsize) % 64;
  const int ret = verify_bitmap_size(iommu, range.size >> pgshift, range.bitmap.size);
  if (ret != 0) return ret;
  const uint64_t pgsize = pgsize_of(iommu);
  const uint64_t in_page = (range.iova | range.size) & (pgsize - 1);
  if (range.bitmap.pgsize != pgsize || in_page != 0 || range.size == 0) return -EINVAL;
  if (!iommu.dirty_page_tracking) return -EINVAL;
  return vfio_iova_dirty_bitmap(iommu, current, range.bitmap.data, range.iova, range.size, pgsize);
}

}  // namespace

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_get_info()
int vfio_iommu_type1_get_info(vfio_iommu& iommu, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_type1_get_info", {"arg", arg});
  uapi::vfio_iommu_type1_info info;
  size_t minsz = offsetof(uapi::vfio_iommu_type1_info, cap_offset);
  if (copy_from_user(current, info, arg, minsz) != 0) return this_call.result(-EFAULT);
  if (info.argsz < minsz) return this_call.result(-EINVAL);
  minsz = std::min<size_t>(info.argsz, sizeof(info));
  info.flags = uapi::vfio_iommu_info_pgsizes;
  info.iova_pgsizes = iommu.pgsize_bitmap;
  vfio_info_cap caps;
  const int ret = build_caps(iommu, caps);
  if (ret != 0) return this_call.result(ret);
  info.flags |= uapi::vfio_iommu_info_caps;
  if (info.argsz < sizeof(info) + caps.buf.size()) {
    info.argsz = static_cast<uint32_t>(sizeof(info) + caps.buf.size());
  } else {
    vfio_info_cap_shift(iommu.module, caps, sizeof(info));
    if (current.mm->copy_to_user(arg + sizeof(info), caps.buf) != 0) {
      return this_call.result(-EFAULT);
    }
    info.cap_offset = sizeof(info);
  }
  return this_call.result(copy_to_user(current, arg, info, minsz));
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_map_dma()
int vfio_iommu_type1_map_dma(vfio_iommu& iommu, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_type1_map_dma", {"arg", arg});
  constexpr uint32_t known =
      uapi::vfio_dma_map_flag_read | uapi::vfio_dma_map_flag_write | uapi::vfio_dma_map_flag_vaddr;
  uapi::vfio_iommu_type1_dma_map map;
  if (copy_from_user(current, map, arg) != 0) return this_call.result(-EFAULT);
  if (map.argsz < sizeof(map) || (map.flags & ~known) != 0) return this_call.result(-EINVAL);
  return this_call.result(vfio_dma_do_map(iommu, current, map));
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_unmap_dma()
int vfio_iommu_type1_unmap_dma(vfio_iommu& iommu, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_type1_unmap_dma", {"arg", arg});
  constexpr uint32_t alone = uapi::vfio_dma_unmap_flag_all | uapi::vfio_dma_unmap_flag_vaddr;
  constexpr uint32_t known = alone | uapi::vfio_dma_unmap_flag_get_dirty_bitmap;
  uapi::vfio_iommu_type1_dma_unmap unmap;
  if (copy_from_user(current, unmap, arg) != 0) return this_call.result(-EFAULT);
  if (unmap.argsz < sizeof(unmap) || (unmap.flags & ~known) != 0) return this_call.result(-EINVAL);
  uapi::vfio_bitmap bitmap;
  int ret = 0;
  if ((unmap.flags & uapi::vfio_dma_unmap_flag_get_dirty_bitmap) != 0) {
    if ((unmap.flags & alone) != 0) return this_call.result(-EINVAL);
    if (unmap.argsz < sizeof(unmap) + sizeof(bitmap)) return this_call.result(-EINVAL);
    if (copy_from_user(current, bitmap, arg + sizeof(unmap)) != 0) {
      return this_call.result(-EFAULT);
    }
    if (!access_ok(bitmap.data, bitmap.size)) return this_call.result(-EINVAL);
    const unsigned pgshift = ffs_of(bitmap.pgsize) % 64;
    ret = verify_bitmap_size(iommu, unmap.size >> pgshift, bitmap.size);
    if (ret != 0) return this_call.result(ret);
  }
  ret = vfio_dma_do_unmap(iommu, current, unmap, bitmap);
  if (ret != 0) return this_call.result(ret);
  return this_call.result(copy_to_user(current, arg, unmap));
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_dirty_pages()
int vfio_iommu_type1_dirty_pages(vfio_iommu& iommu, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_type1_dirty_pages", {"arg", arg});
  constexpr uint32_t known = uapi::vfio_iommu_dirty_pages_flag_start |
                             uapi::vfio_iommu_dirty_pages_flag_stop |
                             uapi::vfio_iommu_dirty_pages_flag_get_bitmap;
  if (!iommu.v2) return this_call.result(-EACCES);
  uapi::vfio_iommu_type1_dirty_bitmap dirty;
  if (copy_from_user(current, dirty, arg) != 0) return this_call.result(-EFAULT);
  if (dirty.argsz < sizeof(dirty) || (dirty.flags & ~known) != 0) return this_call.result(-EINVAL);
  if (dirty.flags == uapi::vfio_iommu_dirty_pages_flag_start) {
    return this_call.result(start_dirty_pages(iommu));
  }
  if (dirty.flags == uapi::vfio_iommu_dirty_pages_flag_stop) {
    return this_call.result(stop_dirty_pages(iommu));
  }
  if (dirty.flags == uapi::vfio_iommu_dirty_pages_flag_get_bitmap) {
    return this_call.result(
        get_dirty_pages(iommu, current, arg + sizeof(dirty), dirty.argsz - sizeof(dirty)));
  }
  return this_call.result(-EINVAL);
}

}  // namespace iommulab::v6_12
