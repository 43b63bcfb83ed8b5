// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/vfio_compat.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include "vfio/uapi/vfio.h"
#include "vfio/v6_12/iommufd/hw_pagetable.h"
#include "vfio/v6_12/iommufd/ioas.h"
#include "vfio/v6_12/iommufd/ucmd.h"

namespace iommulab::v6_12 {
namespace {

constexpr int enoioctlcmd_of_vfio = 515;

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: get_compat_ioas()
iommufd_ioas* get_compat_ioas(iommufd_ctx& ictx, int& error) {
  IOMMULAB_CALL(ictx.trace(), "get_compat_ioas", {"no_iommu_mode", ictx.no_iommu_mode});
  iommufd_ioas* const ioas = ictx.vfio_ioas;
  if (ioas == nullptr || !iommufd_lock_obj(*ioas)) {
    error = -ENODEV;
    return this_call.result(static_cast<iommufd_ioas*>(nullptr), error);
  }
  error = 0;
  return this_call.result(ioas);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: iommufd_vfio_compat_ioas_get_id()
int iommufd_vfio_compat_ioas_get_id(iommufd_ctx& ictx, uint32_t& out_ioas_id) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_vfio_compat_ioas_get_id",
                {"no_iommu_mode", ictx.no_iommu_mode});
  int error = 0;
  iommufd_ioas* const ioas = get_compat_ioas(ictx, error);
  if (ioas == nullptr) return this_call.result(error);
  out_ioas_id = ioas->id;
  iommufd_put_object(*ioas);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: iommufd_vfio_compat_set_no_iommu()
int iommufd_vfio_compat_set_no_iommu(iommufd_ctx& ictx) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_vfio_compat_set_no_iommu",
                {"no_iommu_mode", ictx.no_iommu_mode});
  if (ictx.vfio_ioas != nullptr) return this_call.result(-EINVAL);
  ictx.no_iommu_mode = true;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: iommufd_vfio_compat_ioas_create()
int iommufd_vfio_compat_ioas_create(iommufd_ctx& ictx) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_vfio_compat_ioas_create",
                {"no_iommu_mode", ictx.no_iommu_mode});
  int error = 0;
  iommufd_ioas* const ioas = iommufd_ioas_alloc(ictx, error);
  if (ioas == nullptr) return this_call.result(error);
  if (ictx.no_iommu_mode) {
    iommufd_object_abort(ictx, *ioas);
    return this_call.result(-EINVAL);
  }
  if (ictx.vfio_ioas != nullptr) {  // there is one: nothing to do
    iommufd_object_abort(ictx, *ioas);
    return this_call.result(0);
  }
  ictx.vfio_ioas = ioas;
  iommufd_object_finalize(ictx, *ioas);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: iommufd_vfio_ioas()
int iommufd_vfio_ioas(iommufd_ucmd& ucmd) {
  iommufd_ctx& ictx = ucmd.ictx;
  IOMMULAB_CALL(ictx.trace(), "iommufd_vfio_ioas", {"user_size", ucmd.user_size});
  auto cmd = ucmd.command<uapi::iommu_vfio_ioas>();
  if (cmd.reserved != 0) return this_call.result(-EOPNOTSUPP);
  if (cmd.op == uapi::iommu_vfio_ioas_clear) {
    ictx.vfio_ioas = nullptr;
    return this_call.result(0);
  }
  const bool gets = cmd.op == uapi::iommu_vfio_ioas_get;
  if (!gets && cmd.op != uapi::iommu_vfio_ioas_set) return this_call.result(-EOPNOTSUPP);
  int error = 0;
  iommufd_ioas* const ioas =
      gets ? get_compat_ioas(ictx, error) : iommufd_get_ioas(ictx, cmd.ioas_id, error);
  if (ioas == nullptr) return this_call.result(error);
  iommufd_put_object(*ioas);
  if (!gets) {
    ictx.vfio_ioas = ioas;
    return this_call.result(0);
  }
  cmd.ioas_id = ioas->id;
  return this_call.result(iommufd_ucmd_respond(ucmd, cmd));
}

// ---- Mapping

namespace {

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: iommufd_vfio_map_dma()
int iommufd_vfio_map_dma(iommufd_ctx& ictx, task_struct& current, uint32_t cmd, uint64_t arg) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_vfio_map_dma", {"cmd", cmd}, {"arg", arg});
  constexpr uint32_t supported_flags = uapi::vfio_dma_map_flag_read | uapi::vfio_dma_map_flag_write;
  uapi::vfio_iommu_type1_dma_map map;
  if (copy_from_user(current, map, arg) != 0) return this_call.result(-EFAULT);
  if (map.argsz < sizeof(map) || (map.flags & ~supported_flags) != 0) {
    return this_call.result(-EINVAL);
  }
  int iommu_prot = iommu_cache;
  if ((map.flags & uapi::vfio_dma_map_flag_read) != 0) iommu_prot |= iommu_read;
  if ((map.flags & uapi::vfio_dma_map_flag_write) != 0) iommu_prot |= iommu_write;
  int rc = 0;
  iommufd_ioas* const ioas = get_compat_ioas(ictx, rc);
  if (ioas == nullptr) return this_call.result(rc);
  uint64_t iova = map.iova;
  rc = iopt_map_user_pages(ictx, current, ioas->iopt, iova, map.vaddr, map.size, iommu_prot, 0);
  iommufd_put_object(*ioas);
  return this_call.result(rc);
}

/// Where type1 v1 may cut mappings, they are cut at both ends of the range.
int cut_at_ends(io_pagetable& iopt, const uapi::vfio_iommu_type1_dma_unmap& unmap) {
  const std::array<uint64_t, 2> iovas = {unmap.iova + unmap.size - 1, unmap.iova - 1};
  return iopt_cut_iova(iopt, absl::MakeConstSpan(iovas).subspan(0, unmap.iova != 0 ? 2 : 1));
}

int unmap_dma_of(iommufd_ioas& ioas, task_struct& current, uint64_t arg,
                 uapi::vfio_iommu_type1_dma_unmap& unmap) {
  io_pagetable& iopt = ioas.iopt;
  uint64_t unmapped = 0;
  int rc = 0;
  if ((unmap.flags & uapi::vfio_dma_unmap_flag_all) != 0) {
    if (unmap.iova != 0 || unmap.size != 0) return -EINVAL;
    rc = iopt_unmap_all(iopt, &unmapped);
  } else {
    if (iopt.disable_large_pages) {
      rc = cut_at_ends(iopt, unmap);
      if (rc != 0) return rc;
    }
    rc = iopt_unmap_iova(iopt, unmap.iova, unmap.size, &unmapped);
  }
  unmap.size = unmapped;
  return copy_to_user(current, arg, unmap) != 0 ? -EFAULT : rc;
}

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: iommufd_vfio_unmap_dma()
int iommufd_vfio_unmap_dma(iommufd_ctx& ictx, task_struct& current, uint32_t cmd, uint64_t arg) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_vfio_unmap_dma", {"cmd", cmd}, {"arg", arg});
  uapi::vfio_iommu_type1_dma_unmap unmap;
  if (copy_from_user(current, unmap, arg) != 0) return this_call.result(-EFAULT);
  if (unmap.argsz < sizeof(unmap) || (unmap.flags & ~uapi::vfio_dma_unmap_flag_all) != 0) {
    return this_call.result(-EINVAL);
  }
  int rc = 0;
  iommufd_ioas* const ioas = get_compat_ioas(ictx, rc);
  if (ioas == nullptr) return this_call.result(rc);
  rc = unmap_dma_of(*ioas, current, arg, unmap);
  iommufd_put_object(*ioas);
  return this_call.result(rc);
}

// ---- What it can do

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: iommufd_vfio_cc_iommu()
int iommufd_vfio_cc_iommu(iommufd_ctx& ictx) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_vfio_cc_iommu", {"no_iommu_mode", ictx.no_iommu_mode});
  int error = 0;
  iommufd_ioas* const ioas = get_compat_ioas(ictx, error);
  if (ioas == nullptr) return this_call.result(error);
  const bool all_coherent =
      std::all_of(ioas->hwpt_list.begin(), ioas->hwpt_list.end(),
                  [](const iommufd_hwpt_paging* h) { return h->enforce_cache_coherency; });
  iommufd_put_object(*ioas);
  return this_call.result(all_coherent ? 1 : 0);
}

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: iommufd_vfio_check_extension(). The recorded
// kernel has no CONFIG_VFIO_NOIOMMU.
int iommufd_vfio_check_extension(iommufd_ctx& ictx, uint64_t type) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_vfio_check_extension", {"type", type});
  switch (type) {
    case uapi::vfio_type1_iommu:
    case uapi::vfio_type1v2_iommu:
    case uapi::vfio_unmap_all:
      return this_call.result(ictx.no_iommu_mode ? 0 : 1);
    case uapi::vfio_dma_cc_iommu:
      return this_call.result(iommufd_vfio_cc_iommu(ictx));
    default:
      return this_call.result(0);
  }
}

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: iommufd_vfio_set_iommu()
int iommufd_vfio_set_iommu(iommufd_ctx& ictx, uint64_t type) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_vfio_set_iommu", {"type", type});
  if ((type != uapi::vfio_type1_iommu && type != uapi::vfio_type1v2_iommu) || ictx.no_iommu_mode) {
    return this_call.result(-EINVAL);
  }
  int rc = 0;
  iommufd_ioas* const ioas = get_compat_ioas(ictx, rc);
  if (ioas == nullptr) return this_call.result(rc);
  if (type == uapi::vfio_type1_iommu) rc = iopt_disable_large_pages(ioas->iopt);
  iommufd_put_object(*ioas);
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: iommufd_get_pagesizes()
uint64_t iommufd_get_pagesizes(const iommufd_ioas& ioas) {
  IOMMULAB_CALL(ioas.iopt.trace(), "iommufd_get_pagesizes", {"ioas", ioas});
  uint64_t sizes = UINT64_MAX;
  for (const io_pagetable::domain_slot& slot : ioas.iopt.domains) {
    sizes &= slot.domain->pgsize_bitmap;
  }
  // Whoever can map less than a page can map a page.
  if ((sizes & ~page_mask) != 0) sizes = (sizes & page_mask) | page_size;
  return this_call.result(std::max(sizes, ioas.iopt.iova_alignment));
}

/// Where a capability goes: an address of the user's, and bytes that there are from there on.
struct capability_place {
  task_struct& current;
  uint64_t cur = 0;
  uint64_t avail = 0;
};

constexpr uint64_t size_of_ranges(uint64_t count) {
  return sizeof(uapi::vfio_iommu_type1_info_cap_iova_range_data) +
         count * sizeof(uapi::vfio_iova_range);
}

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: iommufd_fill_cap_iova()
int iommufd_fill_cap_iova(iommufd_ioas& ioas, const capability_place& place) {
  IOMMULAB_CALL(ioas.iopt.trace(), "iommufd_fill_cap_iova", {"ioas", ioas}, {"avail", place.avail});
  uapi::vfio_iommu_type1_info_cap_iova_range_data cap;
  cap.header.id = uapi::vfio_iommu_type1_info_cap_iova_range;
  cap.header.version = 1;
  for (interval_tree_span_iter span(ioas.iopt.reserved_itree, 0, UINT64_MAX); !span.done();
       span.next()) {
    if (span.is_hole == 0) continue;
    const uapi::vfio_iova_range range{span.start, span.last};
    if (place.avail >= size_of_ranges(cap.nr_iovas + 1) &&
        copy_to_user(place.current, place.cur + size_of_ranges(cap.nr_iovas), range) != 0) {
      return this_call.result(-EFAULT);
    }
    ++cap.nr_iovas;
  }
  const uint64_t size = size_of_ranges(cap.nr_iovas);
  if (place.avail >= size && copy_to_user(place.current, place.cur, cap) != 0) {
    return this_call.result(-EFAULT);
  }
  return this_call.result(static_cast<int>(size));
}

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: iommufd_fill_cap_dma_avail()
int iommufd_fill_cap_dma_avail(iommufd_ioas& ioas, const capability_place& place) {
  IOMMULAB_CALL(ioas.iopt.trace(), "iommufd_fill_cap_dma_avail", {"ioas", ioas},
                {"avail", place.avail});
  uapi::vfio_iommu_type1_info_dma_avail_data cap;
  cap.header.id = uapi::vfio_iommu_type1_info_dma_avail;
  cap.header.version = 1;
  cap.avail = UINT32_MAX;
  if (place.avail >= sizeof(cap) && copy_to_user(place.current, place.cur, cap) != 0) {
    return this_call.result(-EFAULT);
  }
  return this_call.result(static_cast<int>(sizeof(cap)));
}

/// The capabilities behind the structure, each linked from the one before. Bytes of all, with the
/// structure, or a negative errno.
int64_t fill_capabilities(iommufd_ioas& ioas, task_struct& current, uint64_t arg, uint64_t argsz) {
  using fill_cap_fn = int (*)(iommufd_ioas&, const capability_place&);
  constexpr std::array<fill_cap_fn, 2> fill_fns = {&iommufd_fill_cap_dma_avail,
                                                   &iommufd_fill_cap_iova};
  uint64_t total = sizeof(uapi::vfio_iommu_type1_info);
  uint64_t last_cap = 0;
  for (const fill_cap_fn fill : fill_fns) {
    capability_place place{current};
    if (argsz > total) {
      place.cur = arg + total;
      place.avail = argsz - total;
    }
    const int cap_size = fill(ioas, place);
    if (cap_size < 0) return cap_size;
    if (last_cap != 0 && argsz >= total) {
      const auto next = static_cast<uint32_t>(total);
      const uint64_t at = last_cap + offsetof(uapi::vfio_info_cap_header, next);
      if (copy_to_user(current, at, next) != 0) return -EFAULT;
    }
    last_cap = arg + total;
    total += (static_cast<uint64_t>(cap_size) + 7) & ~uint64_t{7};
  }
  return static_cast<int64_t>(total);
}

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: iommufd_vfio_iommu_get_info()
int iommufd_vfio_iommu_get_info(iommufd_ctx& ictx, task_struct& current, uint64_t arg) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_vfio_iommu_get_info", {"arg", arg});
  constexpr size_t minsz = offsetof(uapi::vfio_iommu_type1_info, cap_offset);
  uapi::vfio_iommu_type1_info info;
  if (copy_from_user(current, info, arg, minsz) != 0) return this_call.result(-EFAULT);
  if (info.argsz < minsz) return this_call.result(-EINVAL);
  const size_t answer_size = std::min<size_t>(info.argsz, sizeof(info));
  int error = 0;
  iommufd_ioas* const ioas = get_compat_ioas(ictx, error);
  if (ioas == nullptr) return this_call.result(error);
  info.flags = uapi::vfio_iommu_info_pgsizes;
  info.iova_pgsizes = iommufd_get_pagesizes(*ioas);
  info.cap_offset = 0;
  const int64_t total = fill_capabilities(*ioas, current, arg, info.argsz);
  iommufd_put_object(*ioas);
  if (total < 0) return this_call.result(static_cast<int>(total));
  if (info.argsz >= static_cast<uint64_t>(total)) info.cap_offset = sizeof(info);
  info.argsz = static_cast<uint32_t>(total);
  info.flags |= uapi::vfio_iommu_info_caps;
  return this_call.result(copy_to_user(current, arg, info, answer_size));
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/vfio_compat.c: iommufd_vfio_ioctl()
int64_t iommufd_vfio_ioctl(iommufd_ctx& ictx, task_struct& current, uint32_t cmd, uint64_t arg) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_vfio_ioctl", {"cmd", cmd}, {"arg", arg});
  switch (cmd) {
    case uapi::vfio_get_api_version:
      return this_call.result(int64_t{uapi::vfio_api_version});
    case uapi::vfio_set_iommu:
      return this_call.result(int64_t{iommufd_vfio_set_iommu(ictx, arg)});
    case uapi::vfio_check_extension:
      return this_call.result(int64_t{iommufd_vfio_check_extension(ictx, arg)});
    case uapi::vfio_iommu_get_info:
      return this_call.result(int64_t{iommufd_vfio_iommu_get_info(ictx, current, arg)});
    case uapi::vfio_iommu_map_dma:
      return this_call.result(int64_t{iommufd_vfio_map_dma(ictx, current, cmd, arg)});
    case uapi::vfio_iommu_unmap_dma:
      return this_call.result(int64_t{iommufd_vfio_unmap_dma(ictx, current, cmd, arg)});
    default:
      return this_call.result(int64_t{-enoioctlcmd_of_vfio});
  }
}

}  // namespace iommulab::v6_12
