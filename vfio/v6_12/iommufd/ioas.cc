// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/ioas.h"

#include <algorithm>
#include <cerrno>

#include "vfio/v6_12/iommufd/test_hooks.h"
#include "vfio/v6_12/iommufd/ucmd.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/iommu/iommufd/ioas.c: iommufd_ioas_destroy()
void iommufd_ioas_destroy(iommufd_ioas& ioas) {
  environment& env = ioas.iopt.module.env;
  IOMMULAB_CALL(env.trace, "iommufd_ioas_destroy", {"ioas", ioas});
  const int rc = iopt_unmap_all(ioas.iopt, nullptr);
  if (rc != 0 && rc != -ENOENT) env.log.warn_on("iommufd_ioas_destroy");
  iopt_destroy_table(ioas.iopt);
}

}  // namespace

void iommufd_ioas::destroy() {
  iommufd_ioas_destroy(*this);
}

// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: iommufd_get_ioas()
iommufd_ioas* iommufd_get_ioas(iommufd_ctx& ictx, uint32_t id, int& error) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_get_ioas", {"id", id});
  auto* const ioas =
      static_cast<iommufd_ioas*>(iommufd_get_object(ictx, id, iommufd_object_type::ioas, error));
  if (ioas == nullptr) return this_call.result(ioas, error);
  return this_call.result(ioas);
}

// Linux v6.12 drivers/iommu/iommufd/ioas.c: iommufd_ioas_alloc()
iommufd_ioas* iommufd_ioas_alloc(iommufd_ctx& ictx, int& error) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_ioas_alloc", {"no_iommu_mode", ictx.no_iommu_mode});
  iommufd_ioas* const ioas =
      iommufd_object_alloc<iommufd_ioas>(ictx, iommufd_object_type::ioas, error, ictx.module);
  if (ioas == nullptr) return this_call.result(ioas, error);
  iopt_init_table(ioas->iopt);
  return this_call.result(ioas);
}

// Linux v6.12 drivers/iommu/iommufd/ioas.c: iommufd_ioas_alloc_ioctl()
int iommufd_ioas_alloc_ioctl(iommufd_ucmd& ucmd) {
  iommufd_ctx& ictx = ucmd.ictx;
  IOMMULAB_CALL(ictx.trace(), "iommufd_ioas_alloc_ioctl", {"user_size", ucmd.user_size});
  auto cmd = ucmd.command<uapi::iommu_ioas_alloc>();
  if (cmd.flags != 0) return this_call.result(-EOPNOTSUPP);
  int error = 0;
  iommufd_ioas* const ioas = iommufd_ioas_alloc(ictx, error);
  if (ioas == nullptr) return this_call.result(error);
  cmd.out_ioas_id = ioas->id;
  const int rc = iommufd_ucmd_respond(ucmd, cmd);
  if (rc != 0) {
    iommufd_object_abort_and_destroy(ictx, *ioas);
    return this_call.result(rc);
  }
  iommufd_object_finalize(ictx, *ioas);
  return this_call.result(0);
}

namespace {

/// The ranges that may be mapped, as many as there are slots for, and how many there are.
int tell_ranges(const iommufd_ucmd& ucmd, const io_pagetable& iopt,
                uapi::iommu_ioas_iova_ranges& cmd) {
  const uint32_t max_iovas = cmd.num_iovas;
  cmd.num_iovas = 0;
  cmd.out_iova_alignment = iopt.iova_alignment;
  for (interval_tree_span_iter span(iopt.reserved_itree, 0, UINT64_MAX); !span.done();
       span.next()) {
    if (span.is_hole == 0) continue;
    if (cmd.num_iovas < max_iovas) {
      const uapi::iommu_iova_range elm{span.start, span.last};
      const int rc = copy_to_user(ucmd.current,
                                  cmd.allowed_iovas + uint64_t{cmd.num_iovas} * sizeof(elm), elm);
      if (rc != 0) return rc;
    }
    ++cmd.num_iovas;
  }
  const int rc = iommufd_ucmd_respond(ucmd, cmd);
  if (rc != 0) return rc;
  return cmd.num_iovas > max_iovas ? -EMSGSIZE : 0;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/ioas.c: iommufd_ioas_iova_ranges()
int iommufd_ioas_iova_ranges(iommufd_ucmd& ucmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_ioas_iova_ranges", {"user_size", ucmd.user_size});
  auto cmd = ucmd.command<uapi::iommu_ioas_iova_ranges>();
  if (cmd.reserved != 0) return this_call.result(-EOPNOTSUPP);
  int error = 0;
  iommufd_ioas* const ioas = iommufd_get_ioas(ucmd.ictx, cmd.ioas_id, error);
  if (ioas == nullptr) return this_call.result(error);
  const int rc = tell_ranges(ucmd, ioas->iopt, cmd);
  iommufd_put_object(*ioas);
  return this_call.result(rc);
}

namespace {

// Linux v6.12 drivers/iommu/iommufd/ioas.c: iommufd_ioas_load_iovas()
int iommufd_ioas_load_iovas(const iommufd_ucmd& ucmd, interval_tree& itree, uint64_t ranges,
                            uint32_t num) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_ioas_load_iovas", {"num", num});
  for (uint32_t i = 0; i != num; ++i) {
    uapi::iommu_iova_range range;
    const int rc = copy_from_user(ucmd.current, range, ranges + uint64_t{i} * sizeof(range));
    if (rc != 0) return this_call.result(rc);
    if (range.start >= range.last) return this_call.result(-EINVAL);
    if (itree.iter_first(range.start, range.last) != nullptr) return this_call.result(-EINVAL);
    kernel_ptr<iopt_allowed> allowed = kernel_new<iopt_allowed>(ucmd.ictx.module.slab);
    if (allowed == nullptr) return this_call.result(-ENOMEM);
    allowed->node.start = range.start;
    allowed->node.last = range.last;
    itree.insert(allowed.release()->node);
  }
  return this_call.result(0);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/ioas.c: iommufd_ioas_allow_iovas()
int iommufd_ioas_allow_iovas(iommufd_ucmd& ucmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_ioas_allow_iovas", {"user_size", ucmd.user_size});
  const auto cmd = ucmd.command<uapi::iommu_ioas_allow_iovas>();
  if (cmd.reserved != 0) return this_call.result(-EOPNOTSUPP);
  int rc = 0;
  iommufd_ioas* const ioas = iommufd_get_ioas(ucmd.ictx, cmd.ioas_id, rc);
  if (ioas == nullptr) return this_call.result(rc);
  interval_tree allowed_iova;
  rc = iommufd_ioas_load_iovas(ucmd, allowed_iova, cmd.allowed_iovas, cmd.num_iovas);
  if (rc == 0) rc = iopt_set_allow_iova(ioas->iopt, allowed_iova);
  iopt_free_allowed(ioas->iopt, allowed_iova);
  iommufd_put_object(*ioas);
  return this_call.result(rc);
}

// ---- Mapping

namespace {

constexpr uint32_t map_flags_known = uapi::iommu_ioas_map_fixed_iova |
                                     uapi::iommu_ioas_map_writeable | uapi::iommu_ioas_map_readable;
constexpr uint32_t map_flags_access =
    uapi::iommu_ioas_map_writeable | uapi::iommu_ioas_map_readable;

unsigned iopt_flags(uint32_t map_flags) {
  return (map_flags & uapi::iommu_ioas_map_fixed_iova) != 0 ? 0 : iopt_alloc_iova_flag;
}

// Linux v6.12 drivers/iommu/iommufd/ioas.c: conv_iommu_prot()
int conv_iommu_prot(tracer& trace, uint32_t map_flags) {
  IOMMULAB_CALL(trace, "conv_iommu_prot", {"map_flags", map_flags});
  int iommu_prot = iommu_cache;
  if ((map_flags & uapi::iommu_ioas_map_writeable) != 0) iommu_prot |= iommu_write;
  if ((map_flags & uapi::iommu_ioas_map_readable) != 0) iommu_prot |= iommu_read;
  return this_call.result(iommu_prot);
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/ioas.c: iommufd_ioas_map()
int iommufd_ioas_map(iommufd_ucmd& ucmd) {
  tracer& trace = ucmd.ictx.trace();
  IOMMULAB_CALL(trace, "iommufd_ioas_map", {"user_size", ucmd.user_size});
  auto cmd = ucmd.command<uapi::iommu_ioas_map>();
  if ((cmd.flags & ~map_flags_known) != 0 || cmd.reserved != 0) {
    return this_call.result(-EOPNOTSUPP);
  }
  if (cmd.iova == UINT64_MAX || cmd.length == UINT64_MAX) return this_call.result(-EOVERFLOW);
  if ((cmd.flags & map_flags_access) == 0) return this_call.result(-EINVAL);
  int rc = 0;
  iommufd_ioas* const ioas = iommufd_get_ioas(ucmd.ictx, cmd.ioas_id, rc);
  if (ioas == nullptr) return this_call.result(rc);
  uint64_t iova = cmd.iova;
  const int prot = conv_iommu_prot(trace, cmd.flags);
  rc = iopt_map_user_pages(ucmd.ictx, ucmd.current, ioas->iopt, iova, cmd.user_va, cmd.length, prot,
                           iopt_flags(cmd.flags));
  if (rc == 0) {
    cmd.iova = iova;
    rc = iommufd_ucmd_respond(ucmd, cmd);
  }
  iommufd_put_object(*ioas);
  return this_call.result(rc);
}

namespace {

/// The pages of the list go into the IOAS that the request names second.
int copy_into(iommufd_ucmd& ucmd, uapi::iommu_ioas_copy& cmd, iopt_pages_lists& pages_list) {
  int rc = 0;
  iommufd_ioas* const dst_ioas = iommufd_get_ioas(ucmd.ictx, cmd.dst_ioas_id, rc);
  if (dst_ioas == nullptr) return rc;
  uint64_t iova = cmd.dst_iova;
  const int prot = conv_iommu_prot(ucmd.ictx.trace(), cmd.flags);
  rc = iopt_map_pages(dst_ioas->iopt, pages_list, cmd.length, iova, prot, iopt_flags(cmd.flags));
  if (rc == 0) {
    cmd.dst_iova = iova;
    rc = iommufd_ucmd_respond(ucmd, cmd);
  }
  iommufd_put_object(*dst_ioas);
  return rc;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/ioas.c: iommufd_ioas_copy()
int iommufd_ioas_copy(iommufd_ucmd& ucmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_ioas_copy", {"user_size", ucmd.user_size});
  auto cmd = ucmd.command<uapi::iommu_ioas_copy>();
  iommufd_test_syz_conv_iova_id(ucmd, cmd.src_ioas_id, cmd.src_iova, cmd.flags);
  if ((cmd.flags & ~map_flags_known) != 0) return this_call.result(-EOPNOTSUPP);
  if (cmd.length == UINT64_MAX || cmd.src_iova == UINT64_MAX || cmd.dst_iova == UINT64_MAX) {
    return this_call.result(-EOVERFLOW);
  }
  if ((cmd.flags & map_flags_access) == 0) return this_call.result(-EINVAL);
  int rc = 0;
  iommufd_ioas* const src_ioas = iommufd_get_ioas(ucmd.ictx, cmd.src_ioas_id, rc);
  if (src_ioas == nullptr) return this_call.result(rc);
  io_pagetable& src_iopt = src_ioas->iopt;
  iopt_pages_lists pages_list;
  rc = iopt_get_pages(src_iopt, cmd.src_iova, cmd.length, pages_list);
  iommufd_put_object(*src_ioas);
  if (rc != 0) return this_call.result(rc);
  rc = copy_into(ucmd, cmd, pages_list);
  iopt_free_pages_list(src_iopt, pages_list);
  return this_call.result(rc);
}

namespace {

int unmap_of_user(io_pagetable& iopt, const uapi::iommu_ioas_unmap& cmd, uint64_t& unmapped) {
  if (cmd.iova == 0 && cmd.length == UINT64_MAX) return iopt_unmap_all(iopt, &unmapped);
  if (cmd.iova == UINT64_MAX || cmd.length == UINT64_MAX) return -EOVERFLOW;
  const int rc = iopt_unmap_iova(iopt, cmd.iova, cmd.length, &unmapped);
  if (rc == 0 && unmapped == 0) return -ENOENT;
  return rc;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/ioas.c: iommufd_ioas_unmap()
int iommufd_ioas_unmap(iommufd_ucmd& ucmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_ioas_unmap", {"user_size", ucmd.user_size});
  auto cmd = ucmd.command<uapi::iommu_ioas_unmap>();
  int rc = 0;
  iommufd_ioas* const ioas = iommufd_get_ioas(ucmd.ictx, cmd.ioas_id, rc);
  if (ioas == nullptr) return this_call.result(rc);
  uint64_t unmapped = 0;
  rc = unmap_of_user(ioas->iopt, cmd, unmapped);
  if (rc == 0) {
    cmd.length = unmapped;
    rc = iommufd_ucmd_respond(ucmd, cmd);
  }
  iommufd_put_object(*ioas);
  return this_call.result(rc);
}

// ---- Options

namespace {

// Linux v6.12 drivers/iommu/iommufd/ioas.c: iommufd_option_rlimit_mode()
int iommufd_option_rlimit_mode(const iommufd_ucmd& ucmd, uapi::iommu_option& cmd) {
  iommufd_ctx& ictx = ucmd.ictx;
  IOMMULAB_CALL(ictx.trace(), "iommufd_option_rlimit_mode", {"op", cmd.op}, {"val64", cmd.val64});
  if (cmd.object_id != 0) return this_call.result(-EOPNOTSUPP);
  if (cmd.op == uapi::iommu_option_op_get) {
    cmd.val64 = ictx.account_mode == iopt_pages_account::mm ? 1 : 0;
    return this_call.result(0);
  }
  if (cmd.op != uapi::iommu_option_op_set) return this_call.result(-EOPNOTSUPP);
  if (!ucmd.current.capable(capability::sys_resource)) return this_call.result(-EPERM);
  if (!ictx.objects.empty()) return this_call.result(-EBUSY);
  if (cmd.val64 > 1) return this_call.result(-EINVAL);
  ictx.account_mode = cmd.val64 == 0 ? iopt_pages_account::user : iopt_pages_account::mm;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/ioas.c: iommufd_ioas_option_huge_pages()
int iommufd_ioas_option_huge_pages(uapi::iommu_option& cmd, iommufd_ioas& ioas) {
  IOMMULAB_CALL(ioas.iopt.trace(), "iommufd_ioas_option_huge_pages", {"ioas", ioas}, {"op", cmd.op},
                {"val64", cmd.val64});
  if (cmd.op == uapi::iommu_option_op_get) {
    cmd.val64 = ioas.iopt.disable_large_pages ? 0 : 1;
    return this_call.result(0);
  }
  if (cmd.op != uapi::iommu_option_op_set) return this_call.result(-EOPNOTSUPP);
  if (cmd.val64 == 0) return this_call.result(iopt_disable_large_pages(ioas.iopt));
  if (cmd.val64 != 1) return this_call.result(-EINVAL);
  iopt_enable_large_pages(ioas.iopt);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/ioas.c: iommufd_ioas_option()
int iommufd_ioas_option(const iommufd_ucmd& ucmd, uapi::iommu_option& cmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_ioas_option", {"object_id", cmd.object_id});
  int error = 0;
  iommufd_ioas* const ioas = iommufd_get_ioas(ucmd.ictx, cmd.object_id, error);
  if (ioas == nullptr) return this_call.result(error);
  const int rc = iommufd_ioas_option_huge_pages(cmd, *ioas);
  iommufd_put_object(*ioas);
  return this_call.result(rc);
}

int option_of(const iommufd_ucmd& ucmd, uapi::iommu_option& cmd) {
  switch (cmd.option_id) {
    case uapi::iommu_option_rlimit_mode:
      return iommufd_option_rlimit_mode(ucmd, cmd);
    case uapi::iommu_option_huge_pages:
      return iommufd_ioas_option(ucmd, cmd);
    default:
      return -EOPNOTSUPP;
  }
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_option()
int iommufd_option(iommufd_ucmd& ucmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_option", {"user_size", ucmd.user_size});
  auto cmd = ucmd.command<uapi::iommu_option>();
  if (cmd.reserved != 0) return this_call.result(-EOPNOTSUPP);
  const int rc = option_of(ucmd, cmd);
  if (rc != 0) return this_call.result(rc);
  return this_call.result(
      copy_to_user(ucmd.current, ucmd.ubuffer + offsetof(uapi::iommu_option, val64), cmd.val64));
}

}  // namespace iommulab::v6_12
